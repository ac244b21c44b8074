r"""
title: Every function that is a container image is in the standby, on the same bytes
severity: high
link: definition
resource: AWS::Lambda::Function
needs: [AWS::ECR::Repository, AWS::ECR::Image]
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
  - A file does not say which digest Lambda will resolve; it is the one that the registry has under the tag, and where the registry was not listed, one tag in both Regions is undecided as well.
  - Two functions of one Region may name one tag of one registry; Lambda resolves it when each is deployed, so where neither digest was seen they may have been made of two images.
  - A tag that the standby lacks and the primary has is no function there; one that neither has, or that was pushed less than the grace time ago, may come yet.
parameters:
  grace:
    type: string
    format: duration
    default: 30m
    description: An image pushed less than this before the scan may still be replicating; most take up to 30 minutes.
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
    - Resources: &templates  # code, and what its tags mean
        here:
          Type: AWS::Lambda::Function
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
        there:
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4"}}
      Images:
        - {Repository: shop/resize, Digest: resize-4, Tags: ["4"]}
        - {Repository: shop/resize, Digest: resize-4, Tags: ["4"], Region: us-west-2}
    - Resources:  # a change of the standby's function, which nothing has deployed yet
        here:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4", ImageDigest: resize-4}]
        there: &planned
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties:
            FunctionName: resize
            PackageType: Image
            Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4"}
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4", ImageDigest: null}]
      Images: [{Repository: shop/resize, Digest: resize-4, Tags: ["4"], Region: us-west-2}]
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}  # under another name, and the same bytes
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/dr/resize@sha256:3333333333333333333333333333333333333333333333333333333333333333"}}
  fail:
    - Resources: *templates  # the standby has another tag; the image is exactly as old as the grace time
      Images:
        - {Repository: shop/resize, Digest: resize-4, Tags: ["4"], PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/resize, Digest: resize-3, Tags: ["3"], Region: us-west-2}
    - Resources: *templates  # one tag on other bytes
      Images:
        - {Repository: shop/resize, Digest: resize-4, Tags: ["4"]}
        - {Repository: shop/resize, Digest: other, Tags: ["4"], Region: us-west-2}
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
    - Resources: *templates  # what the tags mean was not listed
    - Resources: &shared  # one tag of one registry, which each account may have resolved at another time
        here:
          Type: AWS::Lambda::Function
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "777788889999.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
        there:
          Type: AWS::Lambda::Function
          Account: "444455556666"
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "777788889999.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}}
      Pairs: &accounts [{primary: {account: "111122223333", region: us-east-1}, standby: {account: "444455556666", region: us-east-1}}]
    - Resources: *shared  # which nothing has any more
      Pairs: *accounts
      Images: [{Repository: shop/resize, Digest: resize-5, Tags: ["5"], Account: "777788889999"}]
    - Resources: *templates  # neither Region has the tag yet
      Images:
        - {Repository: shop/resize, Digest: resize-3, Tags: ["3"]}
        - {Repository: shop/resize, Region: us-west-2}
    - Resources: *templates  # pushed a moment ago
      Images:
        - {Repository: shop/resize, Digest: resize-4, Tags: ["4"], PushedAt: "2026-10-31T23:31:00Z"}
        - {Repository: shop/resize, Region: us-west-2}
    - Resources: *templates  # the list of the standby ended early
      Images:
        - {Repository: shop/resize, Digest: resize-4, Tags: ["4"]}
        - {Repository: shop/resize, Region: us-west-2, Incomplete: ThrottlingException}
    - Resources: *templates  # what the primary's tag means was not listed, and the standby has it
      Images: [{Repository: shop/resize, Digest: resize-4, Tags: ["4"], Region: us-west-2}]
    - Resources:  # the function runs in the standby, though its tag has moved away since
        here:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4"}
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:4", ImageDigest: {Unknown: not shown}}]
        there:
          Type: AWS::Lambda::Function
          Region: us-west-2
          Properties:
            FunctionName: resize
            PackageType: Image
            Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4"}
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop/resize:4", ImageDigest: resize-4}]
      Images:
        - {Repository: shop/resize, Digest: resize-5, Tags: ["4"]}
        - {Repository: shop/resize, Digest: resize-4, Region: us-west-2}
    - primary: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/assets-us-east-1:4"}}  # each Region has a repository that is named after it
      standby: {PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-west-2.amazonaws.com/assets-us-west-2:4"}}
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

from scanner.model import InsufficientData
from scanner.pushes import not_pushed, tagged
from scanner.replication import counterpart_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import digest_of, live_only, reference_of


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
    try:
        needed, ready = digests(here, model), digests(there, model)
    except InsufficientData as gap:
        mine = reference_of(here["Code"] and here["Code"]["ImageUri"])
        lacking = absent(there, image, model, parameters["grace"])
        if lacking:
            yield Violation(
                f"Function '{here.name}' in {where} is to be made of '{image}', {lacking}; nothing could create it.",
                "/Code/ImageUri",
                (there,),
            )
        elif image.region == twin.pair.standby.region:  # else it is told already
            yield undecided(twin, mine, image, str(gap).rstrip("."))
        return
    yield Evidence(primary=sorted(needed), standby=sorted(ready))
    missing = sorted(needed - ready)
    if missing and may_be_ahead(here, missing):
        yield Undecided(
            f"Function '{here.name}' in {where} lacks the image '{missing[0]}' of the latest version; "
            "whether an alias sends calls to it was not seen."
        )
    elif missing:
        yield Violation(
            f"Function '{here.name}' in {where} runs {len(missing)} of {len(needed)} images on other bytes: "
            f"'{missing[0]}' was expected there.",
            "/ContainerImages",
            (there,),
        )


def absent(function, image, model, grace):
    """Return why a function cannot be made of its image, None if it is made already, or may be yet."""
    if is_made(function, model):
        return None
    try:
        if image.key is None or tagged(model, image.key, image.tag) is not None:
            return None
        certain, why = not_pushed(model, image.key, image.tag, grace)
    except InsufficientData:
        return None
    return why if certain else None


def is_made(function, model):
    """Tell whether it is known which images a function runs, or will."""
    try:
        return bool(digests(function, model))
    except InsufficientData:
        return False


def undecided(twin, mine, image, why):
    """Say what the code writes where it is not known which bytes that means."""
    name = counterpart_name(mine.repository, twin.primary.place, twin.pair.standby) or mine.repository
    same = (name, mine.tag) == (image.repository, image.tag)
    written = "as the primary's is" if same else f"and the primary's of '{mine}'"
    function = f"Function '{twin.primary.name}' in '{twin.pair.standby}'"
    return Undecided(
        f"{function} is made of '{image}', {written}; whether that is the same image was not seen: {why}.",
        "/Code/ImageUri",
    )


def digests(function, model):
    """Return the digests that calls of a function may start: those that Lambda resolved, else what its tag means."""
    images = live_only(function, "ContainerImages")
    if images is None:
        return {digest_of(model, reference_of(function["Code"] and function["Code"]["ImageUri"]), None)}
    return {digest_of(model, reference_of(image["Image"]), image["ImageDigest"]) for image in images}


def may_be_ahead(function, missing):
    """Tell whether all that is missing is the image of a latest version that calls need not reach."""
    versions = [alias["FunctionVersion"] for alias in live_only(function, "Aliases") or ()]
    latest = (live_only(function, "ResolvedImageUri") or "").rpartition("@")[2]
    return bool(versions) and "$LATEST" not in versions and missing == [latest]
