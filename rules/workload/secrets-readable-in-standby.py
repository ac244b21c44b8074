r"""
title: The role that starts a task may read its secrets in the standby
severity: high
link: secrets
resource: AWS::ECS::TaskDefinition
needs: [AWS::IAM::Role, AWS::SecretsManager::Secret, AWS::SSM::Parameter, AWS::KMS::Key, AWS::KMS::Alias]
rationale: |
  ECS fetches the secrets of a task with its execution role. IAM is global, and the ARNs in a policy are not: a role that
  may read `arn:aws:secretsmanager:<primary>:...`, or decrypt with the primary's key, reads nothing in the standby, and
  the task stops with ResourceInitializationError although the secret was replicated. A replica may be encrypted with a
  key of its own Region, which the role has to be allowed as well.
remediation: |
  Write the Region of the ARNs as a wildcard, or once for each Region:

      {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
       "Resource": "arn:aws:secretsmanager:*:<account>:secret:shop/*"},
      {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:*:<account>:key/*",
       "Condition": {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}}

  (`Policies` of `AWS::IAM::Role`, `aws_iam_role_policy`); `ssm:GetParameters` for parameters. Let the role into the
  policy of the key in the standby too: `KeyPolicy` of `AWS::KMS::Key`, `policy` of `aws_kms_key`.
references:
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
  - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
  - https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
controls:
  nist-800-53: [AC-6]
traps:
  - The key aws/secretsmanager, and that of Parameter Store, are for everybody in the account who may read the secret; only keys of customers need kms:Decrypt.
  - The policy of a secret may let a role of its account read it; that one is not read, so a role without permission is undecided, and one that is denied fails.
  - A parameter has no policy of its own for its account, so a role without permission fails.
  - The policy of a key may let a role decrypt whatever its own policies say, and without the key's policy theirs are worth nothing; both are read.
  - A permissions boundary may take away what a policy allows and is not evaluated, so a role with one is undecided.
  - Service control policies cannot be seen from an account and are not evaluated; a pass says that the role and the key allow it.
  - Whether the secret is in the standby at all is for workload-secrets-and-parameters-in-standby.
  - A standby that has a task definition of its own is judged by the role and the secrets which that one names.
examples:
  pass:
    - Resources: &wide
        task: &task
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}
            ContainerDefinitions: &secrets
              - Name: api
                Secrets:
                  - {Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf"}
                  - {Name: MODE, ValueFrom: /shop/mode}
        role: &role
          Type: AWS::IAM::Role
          Properties:
            RoleName: start
            Policies:
              - PolicyName: read
                PolicyDocument:
                  Statement:
                    - {Effect: Allow, Action: "secretsmanager:GetSecretValue", Resource: "arn:aws:secretsmanager:*:111122223333:secret:shop/*"}
                    - {Effect: Allow, Action: "ssm:GetParameters", Resource: "arn:aws:ssm:*:111122223333:parameter/shop/*"}
            ManagedPolicies: []
        db: &plain {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: shop/db, KmsKeyId: null}}
        mode: &mode {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: /shop/mode, Type: String, KeyId: null}}
    - Resources:  # a parameter that AWS's own key encrypts
        task: *task
        role: *role
        db: *plain
        mode: {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: /shop/mode, Type: SecureString, KeyId: alias/aws/ssm}}
    - Resources:  # nobody encrypts a plain one
        task: *task
        role: *role
        db: *plain
        mode: {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: /shop/mode, Type: String, KeyId: {Unknown: not shown}}}
    - Resources: &with-key  # the role may use the keys of both Regions, and the key says nothing against it
        task: *task
        role: &decrypts
          Type: AWS::IAM::Role
          Properties:
            RoleName: start
            Policies:
              - PolicyName: read
                PolicyDocument:
                  Statement:
                    - {Effect: Allow, Action: ["secretsmanager:*", "ssm:*"], Resource: "*"}
                    - {Effect: Allow, Action: "kms:Decrypt", Resource: "arn:aws:kms:*:111122223333:key/*", Condition: {StringEquals: {"kms:ViaService": [secretsmanager.us-west-2.amazonaws.com, ssm.us-west-2.amazonaws.com]}}}
            ManagedPolicies: []
        db: &encrypted {Type: AWS::SecretsManager::Secret, Region: us-west-2, Properties: {Name: shop/db, KmsKeyId: "arn:aws:kms:us-west-2:111122223333:key/west"}}
        mode: &secure {Type: AWS::SSM::Parameter, Region: us-west-2, Properties: {Name: /shop/mode, Type: SecureString, KeyId: alias/shop}}
        key: &key
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyManager: CUSTOMER
            KeyPolicy: {Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:root"}, Action: "kms:*", Resource: "*"}}
        alias: &alias {Type: AWS::KMS::Alias, Region: us-west-2, Properties: {AliasName: alias/shop, TargetKeyId: west}}
    - Resources:  # the key itself lets the role decrypt
        task: *task
        role: *role
        db: *encrypted
        mode: *mode
        key:
          Type: AWS::KMS::Key
          Region: us-west-2
          Properties:
            KeyId: west
            KeyManager: CUSTOMER
            KeyPolicy: {Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/start"}, Action: "kms:Decrypt", Resource: "*"}}
    - Resources:  # the standby has its own definition, whose role may read there
        task: *task
        role: &pinned
          Type: AWS::IAM::Role
          Properties:
            RoleName: start
            Policies:
              - PolicyName: read
                PolicyDocument:
                  Statement: {Effect: Allow, Action: ["secretsmanager:*", "ssm:*"], Resource: ["arn:aws:secretsmanager:us-east-1:*:*", "arn:aws:ssm:us-east-1:*:*"]}
            ManagedPolicies: []
        there: {Type: AWS::ECS::TaskDefinition, Region: us-west-2, Properties: {Family: api, ExecutionRoleArn: {"Fn::GetAtt": [other, Arn]}, ContainerDefinitions: *secrets}}
        other: {Type: AWS::IAM::Role, Region: us-west-2, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}}], ManagedPolicies: []}}
        db: *plain
        mode: *mode
  fail:
    - Resources: {task: *task, role: *pinned, mode: *mode}  # a parameter of the other Region
    - Resources:  # denied
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: "*", Resource: "*"}, {Effect: Deny, Action: "secretsmanager:*", Resource: "arn:aws:secretsmanager:us-west-2:*:*"}]}}], ManagedPolicies: []}}
        db: *plain
    - Resources:  # it may read the secret, and not decrypt with the standby's key
        task: *task
        role: *role
        db: *encrypted
        mode: *mode
        key: *key
    - Resources:  # nor if that is denied, whatever the key's policy says
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: "*", Resource: "*"}, {Effect: Deny, Action: "kms:*", Resource: "arn:aws:kms:us-west-2:*:*"}]}}], ManagedPolicies: []}}
        db: *encrypted
        mode: *mode
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER, KeyPolicy: {Statement: {Effect: Allow, Principal: "*", Action: "kms:*", Resource: "*"}}}}
    - Resources:  # the policy of the key admits somebody else
        task: *task
        role: *decrypts
        db: *encrypted
        mode: *mode
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER, KeyPolicy: {Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/admin"}, Action: "kms:*", Resource: "*"}}}}
    - Resources:  # the key lets the role decrypt what other services keep
        task: *task
        role: *decrypts
        db: *encrypted
        mode: *mode
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER, KeyPolicy: {Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::111122223333:role/start"}, Action: "kms:*", Resource: "*", Condition: {StringEquals: {"kms:ViaService": s3.us-west-2.amazonaws.com}}}}}}
    - Resources:  # nobody told ECS with which role to read them
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ExecutionRoleArn: null, ContainerDefinitions: *secrets}}
        db: *plain
        mode: *mode
  unknown:
    - Resources:  # the secret's own policy may let the role read it
        task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: api, ExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}, ContainerDefinitions: [{Name: api, RepositoryCredentials: {CredentialsParameter: shop/db}}]}}
        role: *pinned
        db: *plain
    - Resources:  # a boundary
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {PermissionsBoundary: "arn:aws:iam::111122223333:policy/b", Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}}], ManagedPolicies: []}}
        db: *plain
        mode: *mode
    - Resources: &no-key {task: *task, role: *decrypts, db: *encrypted, mode: *mode}  # a key that does not exist
    - Resources: *no-key
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::KMS::Key", Operation: "kms:ListKeys", Region: us-west-2}]
    - Resources:  # the key's policy was not seen
        task: *task
        role: *role
        db: *encrypted
        mode: *mode
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER, KeyPolicy: {Unknown: "kms:GetKeyPolicy was denied"}}}
    - Resources:  # who may decrypt hangs on a condition
        task: *task
        role: *decrypts
        db: *encrypted
        mode: *mode
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER, KeyPolicy: {Statement: {Effect: Allow, Principal: "*", Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:PrincipalTag/team": shop}}}}}}
    - Resources:  # the same, and the role's own policies do not allow it
        task: *task
        role: *role
        db: *encrypted
        mode: *mode
        key: {Type: AWS::KMS::Key, Region: us-west-2, Properties: {KeyId: west, KeyManager: CUSTOMER, KeyPolicy: {Statement: {Effect: Allow, Principal: "*", Action: "kms:*", Resource: "*", Condition: {StringEquals: {"aws:PrincipalTag/team": shop}}}}}}
    - Resources:  # the role may decrypt under a condition
        task: *task
        role: {Type: AWS::IAM::Role, Properties: {RoleName: start, Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: ["secretsmanager:*", "ssm:*"], Resource: "*"}, {Effect: Allow, Action: "kms:*", Resource: "*", Condition: {Bool: {"aws:ViaAWSService": true}}}]}}], ManagedPolicies: []}}
        db: *encrypted
        mode: *mode
        key: *key
    - Resources:  # a secret of another account has a policy that has to allow it as well
        task: &shared
          Type: AWS::ECS::TaskDefinition
          Properties:
            Family: api
            ExecutionRoleArn: {"Fn::GetAtt": [role, Arn]}
            ContainerDefinitions: [{Name: api, Secrets: [{Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:444455556666:secret:shop/db-AbCdEf"}]}]
        role: {Type: AWS::IAM::Role, Properties: {Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: "*", Resource: "*"}}}], ManagedPolicies: []}}
        db: {Type: AWS::SecretsManager::Secret, Account: "444455556666", Region: us-west-2, Properties: {Name: shop/db, KmsKeyId: null}}
    - Resources: {task: *task, db: *plain, mode: *mode}
      Gaps: [{Reason: AccessDenied, Type: "AWS::IAM::Role", Operation: "iam:GetRole"}]
    - Resources: {task: *task, role: *role, db: *plain, mode: *mode}  # another account has its own roles
      Pairs: [{primary: us-east-1, standby: {account: "444455556666", region: us-west-2}}]
    - Resources: {task: *task, role: *role}
      Gaps: [{Reason: AccessDeniedException, Type: "AWS::SSM::Parameter", Operation: "ssm:DescribeParameters", Region: us-west-2}]
  not_applicable:
    - {Family: api, ContainerDefinitions: [{Name: api}]}
    - Resources: {task: *task, role: *pinned}  # neither is there, which another rule says
    - Resources: {task: *task, role: *pinned, db: *plain, mode: *mode}
      Pairs: [{primary: us-east-1, standby: us-west-2, dr_class: backup-restore}]
    - Resources:  # it asks the primary, which another rule says
        there:
          Type: AWS::ECS::TaskDefinition
          Region: us-west-2
          Properties: {Family: api, ExecutionRoleArn: null, ContainerDefinitions: [{Name: api, Secrets: [{Name: DB, ValueFrom: "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf"}]}]}
        db: {Type: AWS::SecretsManager::Secret, Properties: {Name: shop/db, KmsKeyId: null}}
"""

from scanner.keys import key_of
from scanner.model import InsufficientData, Place
from scanner.policy import ANYONE, Decision, decide, grants, permits
from scanner.regions import partition_by_name
from scanner.roles import policies_of, role_of
from scanner.rule import Evidence, NotApplicable, Undecided, Violation
from scanner.secrets import PARAMETER, SECRET, find, mentions, source
from scanner.workloads import regions_that_fail_over_to, standbys_for

READS = {SECRET: ("secretsmanager", "secretsmanager:GetSecretValue"), PARAMETER: ("ssm", "ssm:GetParameters")}
AWS_KEYS = ("alias/aws/secretsmanager", "alias/aws/ssm")
POINTER = "/ExecutionRoleArn"


def check(definition, model, parameters):
    found, doubts = needed(definition, model)
    yield Evidence(secrets=sorted(found))
    yield from doubts
    if not found:
        if not doubts:
            yield NotApplicable("It needs no secrets that are in a standby.")
        return
    if not definition["ExecutionRoleArn"]:
        yield Violation(f"'{definition.name}' names no role to read its secrets with; one was expected.", POINTER)
        return
    role = role_of(model, definition["ExecutionRoleArn"], definition.place)
    for pointer, secret in found.values():
        try:
            yield from judge(role, secret, definition, model, pointer)
        except InsufficientData as gap:
            reason = str(gap).rstrip(".")
            yield Undecided(f"Whether '{role.id}' may read '{secret.name}' is not known: {reason}.", pointer)


def needed(definition, model):
    """Return what is read in standbys, by place and name, with where it is named, and what could not be told."""
    here, found, doubts = definition.place, {}, []
    lost = regions_that_fail_over_to(model, here, deployed=True) - {here.region}
    for place in standbys_for(model, here):
        other = place != here and model.find(definition.type, definition.name, place, code=bool(definition.locations))
        if other:
            continue
        if place.account != here.account:
            doubts.append(Undecided(f"The standby is in account '{place.account}', which has roles of its own."))
            continue
        for mention in mentions(definition):
            try:
                wanted = source(mention.read(), mention.type, here)
                if place == here and wanted.region in lost:
                    continue  # workload-secrets-and-parameters-in-standby
                region = place.region if wanted.region == here.region else wanted.region
                secret = find(model, wanted.type, wanted.names, Place(wanted.account, region))
            except InsufficientData as gap:
                reason = str(gap).rstrip(".")
                doubts.append(Undecided(f"Whether a secret is in '{place}' is not known: {reason}.", mention.pointer))
            else:
                if secret is not None:
                    found[f"{secret.place}/{secret.name}"] = (mention.pointer, secret)
    return found, doubts


def judge(role, secret, definition, model, pointer):
    """Judge whether a role may read a secret or parameter, and decrypt it."""
    service, action = READS[secret.type]
    context = {"aws:RequestedRegion": secret.region}
    answer = permits(policies_of(role), action, arn_of(secret, service), context)
    who = f"The role '{role.name or role.id}' of '{definition.name}'"
    foreign = secret.account != definition.account
    if answer.explicit or (answer.decision is Decision.DENIED and (secret.type == PARAMETER or foreign)):
        what = f"{who} may not read '{secret.name}' in '{secret.place}'"
        yield Violation(f"{what}; an Allow of '{action}' was expected: {answer.reasons[0]}.", pointer, (role,))
        return
    if answer.decision is not Decision.ALLOWED:
        raise InsufficientData(answer.reasons[0])
    if foreign:
        raise InsufficientData("it is in another account, whose policy for it is not read")
    yield from judge_key(role, secret, service, context, who, model, pointer)
    if role["PermissionsBoundary"]:
        raise InsufficientData("a permissions boundary, which is not evaluated, may not allow it")


def arn_of(secret, service):
    """Return the ARN of a secret or parameter; that of a secret in a file ends in characters nobody knows yet."""
    if secret.id.startswith("arn:"):
        return secret.id
    what = f"secret:{secret.name}-??????" if secret.type == SECRET else f"parameter/{secret.name.removeprefix('/')}"
    return f"arn:{partition_by_name(secret.region)[0]}:{service}:{secret.region}:{secret.account}:{what}"


def judge_key(role, secret, service, context, who, model, pointer):
    """Judge whether a role may decrypt with the key of a secret, if that is one of the customer."""
    named = secret["KmsKeyId"] if secret.type == SECRET else secret["Type"] == "SecureString" and secret["KeyId"]
    if not named or named in AWS_KEYS:
        return
    key = key_of(model, secret, named)
    if key is None:
        raise InsufficientData(f"its key '{named}' does not exist")
    if key["KeyManager"] == "AWS":
        return
    via = f"{service}.{secret.region}.{partition_by_name(secret.region)[1]}"
    known = {"kms:ViaService": via, "kms:CallerAccount": secret.account, "aws:RequestedRegion": secret.region}
    why = refused(policies_of(role), role.id if role.id.startswith("arn:") else role.account, key, known)
    if why:
        what = f"{who} may not decrypt '{secret.name}' in '{secret.place}'"
        yield Violation(f"{what}; an Allow of 'kms:Decrypt' was expected: {why}.", pointer, (role, key))


def refused(policies, role, key, context):
    """Return why a role may not decrypt with a key of its account, None if it may; raise if that is not known."""
    arn = f"arn:{partition_by_name(key.region)[0]}:kms:{key.region}:{key.account}:key/{key['KeyId']}"
    own = permits(policies, "kms:Decrypt", arn, context)
    theirs = decide(key["KeyPolicy"], role, "kms:Decrypt", arn, context)
    if own.explicit:
        return own.reasons[0]
    if theirs.decision is Decision.DENIED:
        return f"of the key's policy, {theirs.reasons[0]}"
    if own.decision is Decision.DENIED:
        named = {grant.principal for grant in grants(key["KeyPolicy"], ["kms:Decrypt"], arn)}
        if not {role, ANYONE} & named:  # it names their account, so their own policies decide
            return own.reasons[0]
    elif own.decision is Decision.UNDECIDED:
        raise InsufficientData(own.reasons[0])
    if theirs.decision is Decision.UNDECIDED:
        raise InsufficientData(theirs.reasons[0])
    return None
