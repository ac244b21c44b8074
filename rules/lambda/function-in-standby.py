r"""
title: Every function that is a container image is in the standby, on the same bytes
severity: high
link: definition
resource: AWS::Lambda::Function
across: standby
when: pair.dr_class != 'backup-restore'
rationale: |
  A function is a resource of one Region, and so is its image: Lambda takes images from the registry of its own Region
  only. Nothing replicates functions. One that is to be created on the day of a failover hangs on pipelines, quotas and
  permissions that nobody has tried; one that was deployed there once and forgotten runs last year's code.
remediation: |
  Deploy the function to the standby in the same release, from the standby's registry:

      aws lambda update-function-code --region <standby> --function-name <name> \
          --image-uri <account>.dkr.ecr.<standby>.amazonaws.com/<repository>@<digest>

  In CloudFormation deploy the stack in both Regions with `Code.ImageUri` made of `${AWS::Region}`; in Terraform use one
  `aws_lambda_function` for each Region, with `image_uri` from the repository there. Idle functions cost nothing.
references:
  - https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
  - https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html
traps:
  - Calls go to the versions that aliases name, not only to the latest; the images of all of them are compared.
  - The latest version may be ahead of what the aliases name, so if its image alone is missing it is undecided.
  - A tag may mean another image in each Region, so the digests are compared that Lambda resolved.
  - A function that is an archive has no image.
  - A file does not say which digest Lambda will resolve, so of files existence and the Region of the image are judged, and what they write; other digests fail, other names or tags are undecided.
controls:
  aws-well-architected: [REL13-BP02]
examples:
  pass:
    - primary: &latest
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3"}
        ResolvedImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"
        Aliases: []
        ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: "sha256:3333333333333333333333333333333333333333333333333333333333333333"}]
      standby: &same
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:stable"}
        ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:stable", ImageDigest: "sha256:3333333333333333333333333333333333333333333333333333333333333333"}]
    - primary: &aliased
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}
        ResolvedImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:4444444444444444444444444444444444444444444444444444444444444444"
        Aliases: [{Name: live, FunctionVersion: "7"}]
        ContainerImages:
          - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: "sha256:3333333333333333333333333333333333333333333333333333333333333333"}
          - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4", ImageDigest: "sha256:4444444444444444444444444444444444444444444444444444444444444444"}
      standby:
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4"}
        ContainerImages:
          - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4", ImageDigest: "sha256:4444444444444444444444444444444444444444444444444444444444444444"}
          - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3", ImageDigest: "sha256:3333333333333333333333333333333333333333333333333333333333333333"}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}  # templates
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4"}}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}  # under another name, and the same bytes
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/dr/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/assets-us-east-1:4"}}  # each Region has a repository that is named after it
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/assets-us-west-2:4"}}
  fail:
    - primary: *latest
      standby: null
    - primary: *latest  # last year's code
      standby:
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3"}
        ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3", ImageDigest: "sha256:2222222222222222222222222222222222222222222222222222222222222222"}]
    - primary: *aliased  # what the alias names is not there
      standby:
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4"}
        ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4", ImageDigest: "sha256:4444444444444444444444444444444444444444444444444444444444444444"}]
    - primary:  # an alias that follows the latest version
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}
        ResolvedImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:4444444444444444444444444444444444444444444444444444444444444444"
        Aliases: [{Name: old, FunctionVersion: "7"}, {Name: live, FunctionVersion: $LATEST}]
        ContainerImages:
          - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: "sha256:3333333333333333333333333333333333333333333333333333333333333333"}
          - {ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4", ImageDigest: "sha256:4444444444444444444444444444444444444444444444444444444444444444"}
      standby: *same
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
    - primary: *latest  # an archive under its name
      standby: {PackageType: Zip}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize@sha256:2222222222222222222222222222222222222222222222222222222222222222"}}
  unknown:
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
      standby: *same  # a template beside what an account shows
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3"}}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/other:4"}}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3"}}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3"}}
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}
    - primary: *aliased  # of the latest version only the primary has the image, and no alias names it
      standby: *same
    - primary: *latest
      standby: {PackageType: Image, Code: {ImageUri: {Ref: Image}}}
    - primary: *latest
      standby:
        PackageType: Image
        Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3"}
        ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:3", ImageDigest: {Unknown: not shown}}]
    - Resources: {resize: {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Image}}}
      Scanned: [us-east-1]
    - primary: {PackageType: {Unknown: not shown}}
      standby: null
  not_applicable:
    - primary: {PackageType: Zip}
      standby: null
    - Resources: {resize: {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Image}}}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.replication import counterpart_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, reference_of


def check(twin, model, parameters):
    here, there = twin.primary, twin.standby
    if here["PackageType"] != "Image":
        yield NotApplicable("The function is no container image.")
        return
    where = f"'{twin.pair.standby}'"
    if there is None or there["PackageType"] != "Image":
        what = "is not there" if there is None else "is no container image there"
        yield Violation(f"Function '{here.name}' {what}; it was expected in {where}, made of the same image.")
        return
    image = reference_of(there["Code"] and there["Code"]["ImageUri"])
    if image.region != twin.pair.standby.region:
        yield Violation(
            f"Function '{here.name}' in {where} is made of '{image}'; an image of its own Region was expected.",
            related=(there,),
        )
    needed, ready = digests(here), digests(there)
    yield Evidence(primary=sorted(needed or ()), standby=sorted(ready or ()))
    if needed is None or ready is None:
        yield from as_written(twin, image, where)
        return
    missing = sorted(needed - ready)
    if missing and may_be_ahead(here, missing):
        yield Undecided(
            f"Function '{here.name}' in {where} lacks the image '{missing[0]}' of the latest version; "
            "whether an alias sends calls to it was not seen."
        )
    elif missing:
        yield Violation(
            f"Function '{here.name}' in {where} runs '{len(missing)}' of '{len(needed)}' images on other bytes: "
            f"'{missing[0]}' was expected there.",
            "/ContainerImages",
            (there,),
        )


def as_written(twin, image, where):
    """Compare the images that files name, for one side does not show what Lambda resolved."""
    here, there = twin.primary, twin.standby
    mine = reference_of(here["Code"] and here["Code"]["ImageUri"])
    if mine.digest and image.digest:
        if mine.digest != image.digest:
            yield Violation(
                f"Function '{here.name}' in {where} is made of other bytes, '{image}'; '{mine.digest}' was expected.",
                "/Code/ImageUri",
                (there,),
            )
        return
    name = counterpart_name(mine.repository, here.place, twin.pair.standby) or mine.repository
    if (name, mine.tag) != (image.repository, image.tag):
        yield Undecided(
            f"Function '{here.name}' in {where} is made of '{image}'; whether that is the same image as '{mine}' is not in "
            "the code.",
            "/Code/ImageUri",
        )


def digests(function):
    """Return the digests that calls of a function may start, None for one that only a file shows."""
    images = live_only(function, "ContainerImages")
    return None if images is None else {images[number]["ImageDigest"] for number in range(len(images))}


def may_be_ahead(function, missing):
    """Tell whether all that is missing is the image of a latest version that calls need not reach."""
    versions = [alias["FunctionVersion"] for alias in function["Aliases"] or ()]
    latest = (function["ResolvedImageUri"] or "").rpartition("@")[2]
    return bool(versions) and "$LATEST" not in versions and missing == [latest]
