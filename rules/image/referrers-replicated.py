r"""
title: The signatures that images are verified by are in the standby too
severity: high
link: signature
resource:
  - AWS::ECS::Service
  - AWS::ECS::Task
  - AWS::Lambda::Function
  - Kubernetes::CronJob
  - Kubernetes::DaemonSet
  - Kubernetes::Deployment
  - Kubernetes::Job
  - Kubernetes::Pod
  - Kubernetes::StatefulSet
needs: [AWS::ECR::Repository, AWS::ECR::Image]
across: standby
rationale: |
  Where an admission controller verifies signatures, an image without its signature is as good as missing: it can be
  pulled and may not start. Signatures and SBOMs are images of their own in the repository, which refer to the image as
  their subject. ECR replicates them like any other push, one by one: those that are older than the replication rule are
  not there, and one of them can fail alone.
remediation: |
  Copy the image with everything that refers to it:

      oras cp -r <account>.dkr.ecr.<primary>.amazonaws.com/<repository>@<digest> \
          <account>.dkr.ecr.<standby>.amazonaws.com/<repository>
      cosign copy --only=sig <primary image> <standby image>    # signatures under tags sha256-<digest>.sig

  or sign the copy in the standby. Name what verification asks for in `regionproof.yaml`:

      rules:
        parameters:
          image-referrers-replicated: {artifact_types: ["application/vnd.cncf.notary.signature"]}
references:
  - https://aws.amazon.com/about-aws/whats-new/2024/06/amazon-ecr-oci-image-distribution-version-1-1
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-signing.html
  - https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
traps:
  - Whether anything verifies signatures is not shown by AWS, so nothing is judged until the artifact types are declared.
  - Cosign may put a signature under the tag `sha256-<digest>.sig` instead of naming its subject; it counts as well.
  - The order in which an image and its signature arrive is not promised, so one pushed within the grace time is undecided.
  - A signature that was pushed before replication was set up never comes; older than the grace time, it fails whatever the reason.
  - A copy that was signed again in the standby has another signature; it is undecided whether that one is accepted.
  - An image that is not signed in the primary lacks nothing in the standby.
  - Kinds of referrers that were not declared, an SBOM say, may be missing.
controls:
  nist-800-53: [SI-7]
parameters:
  artifact_types:
    type: array
    items: {type: string}
    default: []
    description: Artifact types of the referrers without which an image may not start; none means that nothing is verified.
  grace:
    type: string
    format: duration
    default: 30m
    description: A signature pushed less than this before the scan may still be replicating.
examples:
  pass:
    - Resources: &resources
        api: &api
          Type: AWS::ECS::Service
          Properties:
            Cluster: payments
            ServiceName: api
            ContainerImages:
              - {ContainerName: api, Image: "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop/api:1.2", ImageDigest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
              - {ContainerName: envoy, Image: "public.ecr.aws/envoy:1", ImageDigest: {Unknown: not shown}}
      Parameters: &verified {artifact_types: [application/vnd.cncf.notary.signature]}
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - &signature {Repository: shop/api, Digest: signed, Subject: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ArtifactMediaType: application/vnd.cncf.notary.signature}
        - {Repository: shop/api, Digest: sbom, Subject: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ArtifactMediaType: application/spdx+json}
        - {Repository: shop/api, Digest: other, Subject: "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", ArtifactMediaType: application/vnd.cncf.notary.signature}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
        - {Repository: shop/api, Digest: signed, Subject: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
    - Resources: *resources  # cosign's tag
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - {Repository: shop/api, Digest: cosigned, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig]}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
        - {Repository: shop/api, Digest: cosigned, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig], Region: us-west-2}
    - Resources: *resources  # not signed at all
      Parameters: *verified
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}]
  fail:
    - Resources: *resources  # signed a month ago, perhaps before there was a replication rule
      Parameters: *verified
      Images: &unsigned
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - *signature
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
    - Resources: *resources  # what was archived cannot be pulled
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - *signature
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
        - {Repository: shop/api, Digest: signed, Subject: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2, Status: ARCHIVED}
    - Resources: *resources  # exactly as old as the grace time
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - {Repository: shop/api, Digest: cosigned, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig], PushedAt: "2026-10-31T23:30:00Z"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
    - Resources: *resources  # nobody knows when it was pushed, and it is not there
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - {Repository: shop/api, Digest: cosigned, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig], PushedAt: null}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
  unknown:
    - Resources: *resources  # pushed a moment ago
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - {Repository: shop/api, Digest: cosigned, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig], PushedAt: "2026-10-31T23:30:01Z"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
    - Resources: *resources  # signed again in the standby
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - *signature
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
        - {Repository: shop/api, Digest: again, Subject: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ArtifactMediaType: application/vnd.cncf.notary.signature, Region: us-west-2}
    - Resources: *resources  # signed again in the standby, by cosign
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - {Repository: shop/api, Digest: cosigned, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig]}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}
        - {Repository: shop/api, Digest: again, Tags: [sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.sig], ArtifactMediaType: application/vnd.oci.image.config.v1+json, Region: us-west-2}
    - Resources: *resources  # half a list shows half of the signatures
      Parameters: *verified
      Images:
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
        - {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2, Incomplete: ThrottlingException}
    - Resources: *resources
      Parameters: *verified
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Incomplete: ThrottlingException}, {Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Region: us-west-2}]
    - Resources: *resources
      Parameters: *verified
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::ECR::Repository", Operation: "ecr:DescribeRepositories", Region: us-west-2}]
  not_applicable:
    - Resources: *resources  # nothing verifies
      Images: *unsigned
    - Resources: *resources  # the image itself is missing, which is another rule's to say
      Parameters: *verified
      Images: [{Repository: shop/api, Digest: "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, {Repository: shop/api, Region: us-west-2}]
    - Resources: {api: {Type: AWS::ECS::Service, Properties: {Cluster: payments, ServiceName: api}}}  # a file
      Parameters: *verified
"""

from scanner.model import InsufficientData
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only, replicas


def check(twin, model, parameters):
    if not parameters["artifact_types"]:
        yield NotApplicable("No artifact types are declared, so nothing is said to verify signatures.")
        return
    workload = twin.primary
    if workload.locations and live_only(workload, "ContainerImages") is None:
        yield NotApplicable("A file does not say which images run; collect a snapshot to know.")
        return
    rows, outcomes = [], []
    for replica in replicas(workload, twin.pair, model):
        try:
            if replica.external or replica.image is None:
                continue
            needed = referrers(model, replica.source, replica.digest, parameters)
            there = referrers(model, replica.repository, replica.digest, None)
            rows.append({"container": replica.container, "digest": replica.digest, "referrers": sorted(needed)})
            outcomes += judge(replica, needed, there, model.as_of - parameters["grace"])
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            outcomes.append(Undecided(f"Whether a signature was replicated is not known: {reason}.", replica.pointer))
    if not rows and not outcomes:
        yield NotApplicable("None of its images is in the standby; image-running-digest-in-standby judges that.")
        return
    yield Evidence(containers=rows)
    yield from outcomes


def referrers(model, repository, digest, parameters):
    """Return what refers to an image, by digest: all of it, or what is of the artifact types that are needed."""
    found = {
        image.digest: image
        for image in model.images.referrers(repository, digest)
        if parameters is None or image.artifact_media_type in parameters["artifact_types"]
    }
    signature = model.images.tagged(repository, cosign_tag(digest))
    if signature:
        found[signature.digest] = signature
    return found


def cosign_tag(digest):
    return f"{digest.replace(':', '-')}.sig"


def kind_of(image, subject):
    """Return what tells signatures of one kind from others, None if nothing does."""
    return "cosign" if cosign_tag(subject) in image.tags else image.artifact_media_type


def judge(replica, needed, there, older_than):
    """Return what is wrong with the referrers of a copy, if anything."""
    active = [image for image in there.values() if image.status == "ACTIVE"]
    missing = sorted(needed.keys() - {image.digest for image in active})
    if not missing:
        return []
    where = f"'{replica.repository.account}/{replica.repository.region}'"
    what = (
        f"Container '{replica.container}' runs '{replica.source.name}@{replica.digest}', of which '{len(missing)}' of "
        f"'{len(needed)}' signatures cannot be pulled in {where}, among them '{missing[0]}'"
    )
    if all(needed[digest].pushed_at and needed[digest].pushed_at > older_than for digest in missing):
        return [Undecided(f"{what}; pushed a moment ago, they may still be replicating.", replica.pointer)]
    kinds = {kind_of(image, replica.digest) for image in active}
    if all(kind_of(needed[digest], replica.digest) in kinds for digest in missing):
        return [Undecided(f"{what}; others of their kind are there, perhaps made there.", replica.pointer)]
    return [Violation(f"{what}; all were expected there.", replica.pointer)]
