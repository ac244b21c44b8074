r"""
title: The standby's processors can run the images that the primary runs
severity: high
link: architecture
resource: [AWS::ECS::TaskDefinition, AWS::Lambda::Function]
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
when: pair.dr_class != 'backup-restore'
rationale: |
  An image holds machine code for one processor, unless it is an index of several. A standby that was sized when another
  processor was cheaper starts the same image with `exec format error`, or not at all: the copy is there, digest and
  all, and every other check is green.
remediation: |
  Build for both processors and push one index:

      docker buildx build --platform linux/amd64,linux/arm64 --push -t <registry>/<repository>:<tag> .

  or declare the same processor on both sides: `RuntimePlatform.CpuArchitecture` of `AWS::ECS::TaskDefinition`
  (`runtime_platform` in Terraform), `Architectures` of `AWS::Lambda::Function` (`architectures`). Lambda takes no
  index, so a function needs an image of its own for each processor.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RuntimePlatform.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-manifest-formats.html
  - https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
traps:
  - An index may hold an image for either processor; what it holds is only read if image-index-children-in-standby is selected, so it is undecided.
  - A tag may name another build in the standby; an image with another digest is undecided, one with the same digest fails.
  - Without a declared processor Fargate runs X86_64, and on EC2 the instances decide, which is undecided.
  - Kubernetes places pods on whatever nodes a cluster has; those are for eks-node-architecture-match.
controls:
  aws-well-architected: [REL13-BP04]
examples:
  pass:
    - primary: {Family: api, RuntimePlatform: {CpuArchitecture: ARM64}, ContainerDefinitions: [{Name: api, Image: api}]}
      standby: {Family: api, RuntimePlatform: {CpuArchitecture: ARM64}, ContainerDefinitions: [{Name: api, Image: api}]}
    - primary: {Family: api, RequiresCompatibilities: [FARGATE]}  # Fargate's default
      standby: {Family: api, RuntimePlatform: {CpuArchitecture: X86_64}}
    - Resources:
        resize: {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Image}}
        there: {Type: AWS::Lambda::Function, Region: us-west-2, Properties: {FunctionName: resize, PackageType: Image, Architectures: [x86_64]}}
    - Resources:  # archives of scripts run on either
        zip: {Type: AWS::Lambda::Function, Properties: {FunctionName: zip}}
        there: {Type: AWS::Lambda::Function, Region: us-west-2, Properties: {FunctionName: zip}}
  fail:
    - Resources: &arm-there
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE], ContainerDefinitions: [{Name: log, Image: "quay.io/log:1"}, {Name: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2"}]}}
        there: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, RuntimePlatform: {CpuArchitecture: ARM64}, ContainerDefinitions: [{Name: api, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/api:1.2"}]}}
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2}
    - Resources: &functions
        resize:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: resize-3}]
        there:
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties:
            FunctionName: resize
            PackageType: Image
            Architectures: [arm64]
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3", ImageDigest: resize-3}]
      Images: [{Repository: shop/resize, Digest: resize-3, Region: us-west-2}]
  unknown:
    - Resources: *arm-there  # an index of several platforms
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"], Region: us-west-2, MediaType: application/vnd.oci.image.index.v1+json}
    - Resources: *arm-there  # another build under the tag
      Images:
        - {Repository: shop/api, Digest: api-12, Tags: ["1.2"]}
        - {Repository: shop/api, Digest: api-12-arm, Tags: ["1.2"], Region: us-west-2}
    - Resources: *functions  # the image is not there, so nothing says what it is
      Images: [{Repository: shop/resize, Region: us-west-2}]
    - Resources: *arm-there  # nobody listed the images
    - Resources: *functions
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - primary: {Family: api, RequiresCompatibilities: [EC2]}
      standby: {Family: api, RuntimePlatform: {CpuArchitecture: X86_64}}
    - primary: {Family: api, RuntimePlatform: {CpuArchitecture: X86_64}}
      standby: {Family: api, RequiresCompatibilities: [EC2]}
    - primary: {Family: api, RuntimePlatform: {CpuArchitecture: RISCV}}
      standby: {Family: api, RuntimePlatform: {CpuArchitecture: X86_64}}
    - Resources:  # somebody else's image may be for any processor
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE]}}
        there: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, RuntimePlatform: {CpuArchitecture: ARM64}, ContainerDefinitions: [{Name: api, Image: "quay.io/api@sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}]}}
    - Resources:
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, RequiresCompatibilities: [FARGATE]}}
      Scanned: [us-east-1]
  not_applicable:
    - primary: {Family: api, RequiresCompatibilities: [FARGATE]}
      standby: null
    - Resources: *arm-there
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.model import InsufficientData
from scanner.platforms import processor
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import containers, digest_of, find_image


def check(twin, model, parameters):
    if twin.standby is None:
        yield NotApplicable("The standby has no counterpart whose processor could differ.")
        return
    here, there = processor(twin.primary, model), processor(twin.standby, model)
    yield Evidence(primary=here, standby=there)
    if here is None or there is None:
        yield Undecided("The processor is not declared on both sides, and the instances decide.")
        return
    if here == there:
        return
    running = digests(twin.primary, model)
    for container in containers(twin.standby):
        try:
            digest = for_one_only(container, running, model)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            yield Undecided(f"Whether the image of '{container}' is for '{there}' is not known: {reason}.")
        else:
            yield Violation(
                f"Container '{container}' runs '{digest}' on '{here}' in the primary and would on '{there}' in "
                f"'{twin.pair.standby}'; an image for '{there}' was expected.",
                related=(twin.standby,),
            )


def digests(definition, model):
    """Return the digests that the primary runs, as far as they were seen."""
    found = set()
    for container in containers(definition):
        try:
            found.add(digest_of(model, container.reference, container.digest))
        except InsufficientData:
            continue  # what is not known to run in the primary proves nothing
    return found


def for_one_only(container, running, model):
    """Return the digest of an image that the primary runs too, and that is for one processor; else raise."""
    reference = container.reference
    digest = digest_of(model, reference, container.digest)
    image = reference.key and find_image(model, reference.key, digest)
    if not image:
        raise InsufficientData(f"'{reference}' is not in a registry of yours")
    if image.is_index:
        raise InsufficientData(f"'{digest}' is an index, which image-index-children-in-standby reads if it is selected")
    if digest not in running:
        raise InsufficientData(f"'{digest}' is not what runs in the primary")
    return digest
