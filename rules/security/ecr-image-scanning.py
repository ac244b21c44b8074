r"""
title: Images of every repository are scanned for vulnerabilities
severity: high
optional: true
resource: AWS::ECR::Repository
needs: [AWS::ECR::Registry]
rationale: |
  A vulnerability that nobody looks for is found by somebody else. ECR scans on push or continuously, by rules of the
  registry or a setting of the repository.
remediation: |
  Set it for the registry, which covers repositories that are yet to come:

      aws ecr put-registry-scanning-configuration --scan-type ENHANCED \
        --rules '[{"scanFrequency":"CONTINUOUS_SCAN","repositoryFilters":[{"filter":"*","filterType":"WILDCARD"}]}]'

  In Terraform `aws_ecr_registry_scanning_configuration`, in CloudFormation `AWS::ECR::RegistryScanningConfiguration`.
references:
  - https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
controls:
  security-hub: [ECR.1]
  nist-800-53: [RA-5]
traps:
  - A repository whose own setting is off is scanned where a rule of the registry covers its name; the setting alone says nothing.
  - With enhanced scanning the repository's own setting is without effect, so a repository that no rule covers is not scanned though it says so.
examples:
  pass:
    - {ScanFrequency: SCAN_ON_PUSH}
    - {ScanFrequency: CONTINUOUS_SCAN, ImageScanningConfiguration: {ScanOnPush: false}}
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        registry: {Type: AWS::ECR::Registry, Properties: {ScanningConfiguration: {ScanType: ENHANCED, Rules: [{ScanFrequency: CONTINUOUS_SCAN, RepositoryFilters: [{Filter: "*", FilterType: WILDCARD}]}]}}}
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, ImageScanningConfiguration: {ScanOnPush: true}}}
        registry: {Type: AWS::ECR::Registry, Properties: {ScanningConfiguration: {ScanType: BASIC, Rules: []}}}
  fail:
    - {ScanFrequency: MANUAL}
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, ImageScanningConfiguration: {ScanOnPush: true}}}
        registry: {Type: AWS::ECR::Registry, Properties: {ScanningConfiguration: {ScanType: ENHANCED, Rules: []}}}
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        registry: {Type: AWS::ECR::Registry, Properties: {ScanningConfiguration: {ScanType: BASIC, Rules: [{ScanFrequency: MANUAL, RepositoryFilters: [{Filter: shop, FilterType: WILDCARD}]}]}}}
  unknown:
    - {ScanFrequency: {Unknown: "ecr:BatchGetRepositoryScanningConfiguration was denied"}}
    - Resources:
        web: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web}}
        registry: {Type: AWS::ECR::Registry, Properties: {ScanningConfiguration: {ScanType: BASIC, Rules: [{ScanFrequency: SCAN_ON_PUSH, RepositoryFilters: [{Filter: shop, FilterType: REGEX}]}]}}}
"""

from scanner.rule import Evidence, Violation
from scanner.scanning import frequency


def check(repository, model, parameters):
    found = frequency(model, repository)
    yield Evidence(scan_frequency=found)
    if found == "MANUAL":
        yield Violation(
            f"Images of '{repository.name}' are scanned only when somebody asks for it; 'SCAN_ON_PUSH' or "
            "'CONTINUOUS_SCAN' was expected.",
            "/ScanFrequency",
        )
