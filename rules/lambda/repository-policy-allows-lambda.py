r"""
title: Lambda may pull a function's image from the standby's registry
severity: high
link: policy
resource: AWS::Lambda::Function
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
when: pair.dr_class != 'backup-restore'
rationale: |
  Lambda pulls a function's image as the service `lambda.amazonaws.com`, which the policy of the repository has to
  allow. Replication copies images and no policies, so the repository in the standby has none until somebody sets it. A
  function whose image Lambda may not read any more is not optimized again, and fails.
remediation: |
  Put the statement into the policy of the standby's repository, or into the repository creation template from which
  replication makes it:

      aws ecr set-repository-policy --region <standby> --repository-name <repository> --policy-text '{"Version":
        "2012-10-17", "Statement": [{"Sid": "LambdaPulls", "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]}'

  In CloudFormation `RepositoryPolicyText` of `AWS::ECR::Repository`, in Terraform `aws_ecr_repository_policy`. Where the
  function and the repository are in two accounts, the policy has to name the function's account too.
references:
  - https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
traps:
  - Lambda adds the statement itself when a function is created by somebody who may set the policy; without a function there it is undecided.
  - The statement that Lambda adds has a condition on the function's ARN; it is evaluated with the ARN that the function has in the standby.
  - A repository below the prefix of a pull-through cache is of no use to Lambda, whatever its policy says.
  - Lambda takes no image index, so the copy must be the image of one platform.
  - A function that is an archive has no image.
  - Of a repository named after its Region, as the CDK makes them, the standby's own counterpart is judged.
controls:
  nist-800-53: [AC-3]
examples:
  pass:
    - Resources: &allowed
        resize: &function
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: resize-3}]
        repository: &open
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/resize
            RepositoryPolicyText:
              Statement:
                - Effect: Allow
                  Principal: {Service: lambda.amazonaws.com}
                  Action: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
                  Condition: {StringLike: {"aws:sourceArn": "arn:aws:lambda:us-west-2:111122223333:function:*"}}
        registry: &no-cache {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
      Images: &there [{Repository: shop/resize, Digest: resize-3, Region: us-west-2}]
    - Resources: *allowed  # that the image is missing is for image-running-digest-in-standby to say
      Images: [{Repository: shop/resize, Region: us-west-2}]
    - Resources:  # a template: nobody knows which image a tag means
        resize:
          Type: AWS::Lambda::Function
          Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3"}}
        repository: *open
        registry: *no-cache
    - Resources:  # of another account, whose policy names this one
        resize: &from-tooling
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages: [{ContainerName: resize, Image: "444455556666.dkr.ecr.us-east-1.amazonaws.com/shop/resize:3", ImageDigest: resize-3}]
        repository:
          Type: AWS::ECR::Repository
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryName: shop/resize
            RepositoryPolicyText:
              Statement:
                - {Effect: Allow, Principal: {AWS: "111122223333", Service: lambda.amazonaws.com}, Action: "ecr:*"}
        registry: &no-cache-there {Type: AWS::ECR::Registry, Account: "444455556666", Region: us-west-2, Properties: {PullThroughCacheRules: []}}
      Images: &tooling [{Repository: shop/resize, Digest: resize-3, Account: "444455556666", Region: us-west-2}]
  fail:
    - Resources:  # named after its Region, as the CDK does: the function in the standby pulls from the standby's own
        resize:
          Type: AWS::Lambda::Function
          Properties:
            FunctionName: resize
            PackageType: Image
            ContainerImages: [{ContainerName: resize, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/assets-us-east-1:3", ImageDigest: resize-3}]
        there: {Type: AWS::Lambda::Function, Region: us-west-2, Properties: {FunctionName: resize, PackageType: Image}}
        repository: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: assets-us-west-2}}
        registry: {Type: AWS::ECR::Registry, Region: us-west-2, Properties: {PullThroughCacheRules: []}}
      Images: [{Repository: assets-us-west-2, Digest: resize-3, Region: us-west-2}]
    - Resources:  # the function is there, and no statement lets Lambda pull
        resize: *function
        there: &counterpart {Type: AWS::Lambda::Function, Region: us-west-2, Properties: {FunctionName: resize, PackageType: Image}}
        repository: &closed {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/resize}}
        registry: *no-cache
      Images: *there
    - Resources:  # it may read the manifest and not the layers
        resize: *function
        there: *counterpart
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/resize
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:BatchGetImage"}}
        registry: *no-cache
      Images: *there
    - Resources:  # denied, so nothing that Lambda adds will help
        resize: *function
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/resize
            RepositoryPolicyText: {Statement: {Effect: Deny, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*"}}
        registry: *no-cache
      Images: *there
    - Resources:  # the other account was forgotten
        resize: *from-tooling
        there: *counterpart
        repository:
          Type: AWS::ECR::Repository
          Account: "444455556666"
          Region: us-west-2
          Properties:
            RepositoryName: shop/resize
            RepositoryPolicyText: {Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*"}}
        registry: *no-cache-there
      Images: *tooling
    - Resources:  # a cache
        resize: *function
        repository: *open
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: shop, UpstreamRegistryUrl: quay.io}
      Images: *there
    - Resources: *allowed  # an index
      Images: [{Repository: shop/resize, Digest: resize-3, MediaType: application/vnd.oci.image.index.v1+json, Region: us-west-2}]
  unknown:
    - Resources: {resize: *function, repository: *closed, registry: *no-cache}  # Lambda may add the statement
      Images: *there
    - Resources:  # a condition on something that was not seen
        resize: *function
        there: *counterpart
        repository:
          Type: AWS::ECR::Repository
          Region: us-west-2
          Properties:
            RepositoryName: shop/resize
            RepositoryPolicyText:
              Statement: {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "ecr:*", Condition: {StringEquals: {"aws:SourceOrgID": o-example}}}
        registry: *no-cache
      Images: *there
    - Resources:
        resize: *function
        repository: {Type: AWS::ECR::Repository, Region: us-west-2, Properties: {RepositoryName: shop/resize, RepositoryPolicyText: {Unknown: "ecr:GetRepositoryPolicy was denied"}}}
        registry: *no-cache
      Images: *there
    - Resources:  # a cache of everything that has no repository yet
        resize: *function
        repository: *open
        cache:
          Type: AWS::ECR::PullThroughCacheRule
          Region: us-west-2
          Properties: {EcrRepositoryPrefix: ROOT, UpstreamRegistryUrl: quay.io}
      Images: *there
    - Resources: {resize: *function, repository: *open}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Registry", Operation: "ecr:DescribePullThroughCacheRules", Region: us-west-2}]
    - Resources: {resize: *function}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
    - Resources:
        resize: {Type: AWS::Lambda::Function, Properties: {FunctionName: resize, PackageType: Image, Code: {ImageUri: {Ref: Image}}}}
  not_applicable:
    - {PackageType: Zip}
    - Resources: {resize: *function}  # no repository: repository-exists-in-standby judges that
    - Resources: *allowed
      Images: *there
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
"""

from scanner.images import RepositoryKey
from scanner.model import InsufficientData, Place
from scanner.policy import Decision, decide
from scanner.replication import counterpart_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import cache_of, containers, digest_of, find_image, live_only, repository_there

LAMBDA = "lambda.amazonaws.com"
ACTIONS = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def check(twin, model, parameters):
    function = twin.primary
    named = containers(function)
    if not named:
        yield NotApplicable("The function is no container image.")
        return
    repositories, outcomes = set(), []
    for container in named:
        try:
            repository = pulled_from(container.reference, twin, model)
            if repository is None:
                continue
            key = RepositoryKey.of(repository.place, repository.name)
            if key not in repositories:
                repositories.add(key)
                outcomes += [*cached(model, key), *permitted(twin, repository)]
            outcomes += one_platform(function, container, key, model)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether Lambda may pull is not known: {reason}.", container.pointer))
    if not repositories and not outcomes:
        yield NotApplicable("None of its repositories is in the standby; repository-exists-in-standby judges that.")
        return
    yield Evidence(repositories=sorted(map(str, repositories)))
    yield from outcomes


def pulled_from(reference, twin, model):
    """Return the repository for an image in the standby: the counterpart of one named after its Region comes first."""
    key = repository_there(model, reference, twin.pair)
    place = Place(key.account, key.region)
    found = [model.find("AWS::ECR::Repository", key.name, place)]
    if own := counterpart_name(key.name, reference.place, place):
        found.insert(0, model.find("AWS::ECR::Repository", own, place))
    return next((repository for repository in found if repository is not None), None)


def cached(model, key):
    """Judge whether a repository belongs to a pull-through cache, of which Lambda makes no use."""
    cache = cache_of(model, key)
    if cache is None:
        return []
    what = f"Repository '{key}' is filled from '{cache.upstream}' by a pull-through cache, through which Lambda cannot pull"
    if cache.prefix == "ROOT":
        return [Undecided(f"{what}, unless images are pushed to it; the rule covers every prefix without its own.")]
    return [Violation(f"{what}; a repository of its own was expected.")]


def permitted(twin, repository):
    """Judge what the policy of a repository in the standby says of the service, and of the function's account."""
    there = twin.pair.standby
    partition = repository.id.split(":")[1] if repository.id.startswith("arn:") else "aws"
    arn = f"arn:{partition}:ecr:{repository.region}:{repository.account}:repository/{repository.name}"
    context = {
        "aws:SourceArn": f"arn:{partition}:lambda:{there.region}:{there.account}:function:{twin.primary.name}",
        "aws:SourceAccount": there.account,
    }
    principals = [LAMBDA] if repository.account == there.account else [LAMBDA, there.account]
    for principal in principals:
        known = context if principal == LAMBDA else {"aws:PrincipalAccount": there.account}
        for action in ACTIONS:
            answer = decide(repository["RepositoryPolicyText"], principal, action, arn, known)
            if answer.decision is not Decision.ALLOWED:
                what = f"The policy of repository '{repository.name}' in '{repository.account}/{repository.region}'"
                return [refused(f"{what} does not let '{principal}' perform '{action}'", answer, twin)]
    return []


def refused(what, answer, twin):
    """Judge a permission that is missing: Lambda may give itself one when the function is created."""
    reason = answer.reasons[0]
    if answer.decision is Decision.UNDECIDED:
        return Undecided(f"{what}, as far as was seen: {reason}.")
    if twin.standby is None and not answer.explicit:
        return Undecided(
            f"{what}; Lambda adds that when the function is created there, if its creator may set the policy."
        )
    return Violation(f"{what}; an Allow was expected: {reason}.")


def one_platform(function, container, key, model):
    """Judge whether the copy of an image, if it is known which one that is, is an index."""
    if function.locations and live_only(function, "ContainerImages") is None:
        return []
    image = find_image(model, key, digest_of(model, container.reference, container.digest))
    if image is None or not image.is_index:
        return []
    what = f"Function '{function.name}' is made of '{key.name}@{image.digest}', an index of several platforms"
    return [Violation(f"{what}; Lambda takes the image of one platform only.", container.pointer)]
