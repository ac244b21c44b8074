"""
title: The standby Region is enabled in both accounts and of one partition
severity: critical
link: region
resource: AWS::Account::Region
across: standby
rationale: |
  Nothing can run, and nothing be replicated, in a Region that an account has not enabled. Many Regions are off until
  somebody opts in, which takes from minutes to hours and, in the worst hour, a call that may not be answered. For
  replication to another account, both accounts need the Region. Between partitions ECR does not replicate at all.
remediation: |
  Enable the Region in each account that is named, and wait until it is ENABLED.

      aws account enable-region --region-name <standby> --account-id <account>
      aws account get-region-opt-status --region-name <standby> --account-id <account>

  Leave `--account-id` out in the account itself. Neither CloudFormation nor the standby's own templates can do that; in
  Terraform: `aws_account_region`. For a standby in another partition, push images there with a pipeline of its own.
references:
  - https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
  - https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
controls:
  aws-well-architected: [REL13-BP04]
  nist-800-53: [CP-6]
traps:
  - A status that nobody was allowed to read is unknown, although most Regions are enabled by default.
  - ENABLING is not enabled; it can take hours, and workloads cannot run meanwhile.
  - With a standby in another account, the Region has to be enabled in the primary's account as well.
  - A template says nothing about opting in, so files alone are not judged.
examples:
  pass:
    - Resources:
        primary: &east {Type: AWS::Account::Region, Properties: {RegionName: us-east-1, RegionOptStatus: ENABLED_BY_DEFAULT}}
        standby: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2, RegionOptStatus: ENABLED_BY_DEFAULT}}
    - Resources:  # two accounts, both opted in
        primary: *east
        here: {Type: AWS::Account::Region, Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: ENABLED}}
        there: {Type: AWS::Account::Region, Account: "444455556666", Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: ENABLED}}
      Pairs: &milan [{primary: us-east-1, standby: {account: "444455556666", region: eu-south-1}}]
  fail:
    - Resources:
        primary: *east
        standby: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2, RegionOptStatus: DISABLED}}
    - Resources:
        primary: *east
        standby: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2, RegionOptStatus: ENABLING}}
    - Resources:
        primary: *east
        standby: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2, RegionOptStatus: DISABLING}}
    - Resources:  # the account of the primary did not opt in
        primary: *east
        here: {Type: AWS::Account::Region, Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: DISABLED}}
        there: {Type: AWS::Account::Region, Account: "444455556666", Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: ENABLED}}
      Pairs: *milan
    - Resources:  # the account of the standby did not
        primary: *east
        here: {Type: AWS::Account::Region, Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: ENABLED}}
        there: {Type: AWS::Account::Region, Account: "444455556666", Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: DISABLED}}
      Pairs: *milan
    - Resources: {primary: *east}  # another partition
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-gov-west-1}}]
  unknown:
    - Resources:  # the status was not seen
        primary: *east
        here: {Type: AWS::Account::Region, Region: eu-south-1, Properties: {RegionName: eu-south-1, RegionOptStatus: ENABLED}}
      Pairs: *milan
    - Resources: {primary: *east}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::Account::Region", Operation: "account:ListRegions", Region: us-west-2}]
  not_applicable:
    - Resources:  # files alone
        primary: {Type: AWS::Account::Region, Properties: {RegionName: us-east-1}}
        standby: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2}}
    - Resources: {standby: {Type: AWS::Account::Region, Region: us-west-2, Properties: {RegionName: us-west-2, RegionOptStatus: DISABLED}}}
"""

from scanner.model import InsufficientData, Place
from scanner.regions import ENABLED, partition_by_name
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.workloads import live_only


def check(twin, model, parameters):
    primary, standby = twin.primary.place, twin.pair.standby
    here, there = partition_by_name(primary.region)[0], partition_by_name(standby.region)[0]
    if here != there:
        yield Violation(
            f"'{standby.region}' is in partition '{there}' and '{primary.region}' in '{here}'; a standby in the same "
            "partition was expected, since ECR does not replicate between partitions.",
            "/RegionName",
        )
        return
    seen, refused, doubts = {}, {}, []
    for account in dict.fromkeys((primary.account, standby.account)):
        place = Place(account, standby.region)
        try:
            if (status := status_in(place, model)) is not None:
                (seen if status in ENABLED else refused)[str(place)] = status
        except InsufficientData as gap:
            doubts.append(str(gap))
    yield Evidence(enabled=seen, not_enabled=refused)
    for place, status in refused.items():
        yield Violation(f"The Region of '{place}' has the status '{status}'; 'ENABLED' was expected.", "/RegionName")
    if doubts and not refused:
        yield Undecided(f"Whether the standby Region is enabled was not seen: {doubts[0]}.")
    elif not seen and not refused:
        yield NotApplicable("A file does not say whether an account may use a Region; collect a snapshot to know.")


def status_in(place, model):
    """Return the opt-in status of a Region of an account, None if only a file speaks of it."""
    region = model.find("AWS::Account::Region", "region", place)
    if region is None:
        raise InsufficientData(f"the Regions of account '{place.account}' do not include '{place.region}'")
    return live_only(region, "RegionOptStatus")
