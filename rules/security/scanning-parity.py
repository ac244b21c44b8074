r"""
title: Replicas are scanned for vulnerabilities where the primary is
severity: medium
resource: AWS::ECR::Repository
across: standby
needs: [AWS::ECR::Registry]
when: standby
rationale: |
  Scanning is a setting of the registry or the repository and is not replicated: a repository that replication creates
  has AWS's defaults. After a failover the standby is production, and what is pushed and runs there would be scanned by
  nobody.
remediation: |
  Set the scanning of the standby's registry, which covers its repositories by their names:

      aws ecr put-registry-scanning-configuration --region <standby> --scan-type ENHANCED \
        --rules '[{"scanFrequency":"SCAN_ON_PUSH","repositoryFilters":[{"filter":"*","filterType":"WILDCARD"}]}]'

  In Terraform `aws_ecr_registry_scanning_configuration`, in CloudFormation `AWS::ECR::RegistryScanningConfiguration`.
references:
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
  - https://docs.aws.amazon.com/securityhub/latest/userguide/ecr-controls.html
controls:
  nist-800-53: [RA-5]
  iso-27001-2022: [A.8.8]
  security-hub: [ECR.1]
traps:
  - Scanning on push in the standby is enough where the primary scans continuously, since what is found in a digest there holds for its copy.
  - A repository that does not scan by itself may be covered by a rule of the registry, and the other way round; the effective frequency counts.
examples:
  pass:
    - primary: {ScanFrequency: SCAN_ON_PUSH}
      standby: {ScanFrequency: SCAN_ON_PUSH}
    - primary: {ScanFrequency: CONTINUOUS_SCAN}  # the digest is scanned on in the primary
      standby: {ScanFrequency: SCAN_ON_PUSH}
    - primary: {ScanFrequency: SCAN_ON_PUSH}
      standby: {ScanFrequency: CONTINUOUS_SCAN}
    - Resources:  # by the registry's rules, whatever the repository says
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, ImageScanningConfiguration: {ScanOnPush: true}}}
        east: {Type: AWS::ECR::Registry, Properties: {ScanningConfiguration: {ScanType: BASIC, Rules: []}}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {ScanningConfiguration: {ScanType: BASIC, Rules: [{ScanFrequency: SCAN_ON_PUSH, RepositoryFilters: [{Filter: "shop/*", FilterType: WILDCARD}]}]}}
  fail:
    - primary: {ScanFrequency: SCAN_ON_PUSH}
      standby: {ScanFrequency: MANUAL}
    - primary: {ScanFrequency: CONTINUOUS_SCAN}
      standby: {ScanFrequency: MANUAL}
    - Resources:  # the rules name other repositories
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, ScanFrequency: SCAN_ON_PUSH}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web, ImageScanningConfiguration: {ScanOnPush: true}}}
        west:
          Type: AWS::ECR::Registry
          Region: us-west-2
          Properties: {ScanningConfiguration: {ScanType: ENHANCED, Rules: [{ScanFrequency: SCAN_ON_PUSH, RepositoryFilters: [{Filter: "prod*", FilterType: WILDCARD}]}]}}
  unknown:
    - primary: {ScanFrequency: SCAN_ON_PUSH}
      standby: {}  # how the registry scans is not declared
    - Resources:
        primary: {Type: AWS::ECR::Repository, Properties: {RepositoryName: shop/web, ScanFrequency: SCAN_ON_PUSH}}
        standby: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/web}}
        west: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {ScanningConfiguration: {Unknown: denied}}}
    - primary: {ScanFrequency: SCAN_ON_PUSH}
      standby: {ScanFrequency: HOURLY}
  not_applicable:
    - primary: {ScanFrequency: MANUAL}
      standby: {ScanFrequency: MANUAL}
    - primary: {ScanFrequency: SCAN_ON_PUSH}
      standby: null
"""

from scanner.rule import Evidence, NotApplicable, Violation
from scanner.scanning import frequency


def check(twin, model, parameters):
    primary = frequency(model, twin.primary)
    if primary == "MANUAL":
        yield NotApplicable("The primary is not scanned by itself.")
        return
    standby = frequency(model, twin.standby)
    yield Evidence(primary=primary, standby=standby)
    if standby == "MANUAL":
        yield Violation(
            f"Repository '{twin.primary.name}' is scanned '{primary}' in the primary and by nobody in "
            f"'{twin.pair.standby}'; at least 'SCAN_ON_PUSH' was expected.",
            "/ScanFrequency",
            (twin.standby,),
        )
