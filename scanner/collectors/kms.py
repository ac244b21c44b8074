"""AWS KMS: which keys there are, and the state and policy of those that encrypt images and secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scanner.collectors import ecr, secretsmanager, ssm
from scanner.collectors.ask import MALFORMED, Answer, Answers, Ask, document, pick
from scanner.model import Gap, Resource, Unknown

KEY, ALIAS = "AWS::KMS::Key", "AWS::KMS::Alias"
TYPES = (KEY, ALIAS)

_PAGE = {"Limit": 1000}
_TOKENS = ("Marker", "NextMarker")
_SHOWN = ("KeyState", "Enabled", "KeyManager", "KeyUsage", "MultiRegion", "MultiRegionConfiguration")


def _in_use(answers: Answers) -> Iterable[dict[str, Any]]:
    registry, secrets = answers.others.get("ecr"), answers.others.get("secretsmanager")
    parameters = answers.others.get("ssm")
    named = ecr.keys(registry) if registry else set()
    named |= secretsmanager.keys(secrets) if secrets else set()
    named |= ssm.keys(parameters) if parameters else set()
    return [{"KeyId": key} for key in sorted(named)]


def _described(answers: Answers) -> Iterable[dict[str, Any]]:
    # GetKeyPolicy takes no aliases.
    return [{"KeyId": arn} for arn in sorted(_metadata(answers))]


_LIST_KEYS = Ask("ListKeys", "Keys", (KEY,), _PAGE, paged=True, tokens=_TOKENS)
_LIST_ALIASES = Ask("ListAliases", "Aliases", (ALIAS,), _PAGE, paged=True, tokens=_TOKENS)
_DESCRIBE_KEY = Ask(
    "DescribeKey",
    "KeyMetadata",
    each=_in_use,
    absent=frozenset({"NotFoundException"}),
    fills=(KEY,),
    per="key in use",
    reads=(ecr.REGISTRY, ecr.REPOSITORY, secretsmanager.SECRET, ssm.PARAMETER),
)
_GET_POLICY = Ask(
    "GetKeyPolicy", "Policy", parameters={"PolicyName": "default"}, each=_described, fills=(KEY,), per="key in use"
)
CALLS = (_LIST_KEYS, _LIST_ALIASES, _DESCRIBE_KEY, _GET_POLICY)


def resources(answers: Answers) -> Iterator[Resource | Gap]:
    """Return aliases and keys; of a key that encrypts no image and no secret only its existence is known.

    A key of another account that may not be described is a key of which nothing is known.
    """
    metadata = _metadata(answers)
    for answer, key in answers.items(_LIST_KEYS):
        arn = key.get("KeyArn")
        if not isinstance(arn, str) or not arn:
            message = "a key was answered without its ARN"
            yield answers.gap(KEY, answers.name(_LIST_KEYS), MALFORMED, message)
        elif arn not in metadata:
            yield _unseen(answers, arn, answer.at)
    for arn, answer in metadata.items():
        yield _key(answers, arn, answer.pages[0]["KeyMetadata"], answer.at)
    yield from _refused(answers)
    for answer, alias in answers.items(_LIST_ALIASES):
        yield _alias(answers, alias, answer.at)
    yield from answers.gaps(CALLS)


def _metadata(answers: Answers) -> dict[str, Answer]:
    """Return what describes each key, by its ARN."""
    described = [(answer, page["KeyMetadata"]) for answer in answers.of(_DESCRIBE_KEY) for page in answer.pages]
    return {str(found["Arn"]): answer for answer, found in described if isinstance(found.get("Arn"), str)}


def _key(answers: Answers, arn: str, metadata: Mapping[str, Any], at: str) -> Resource:
    properties = {
        **{member: Unknown(f"AWS does not show the {member} of the key") for member in ("KeyState", "Enabled")},
        **pick(metadata, *_SHOWN),
        "KeyPolicy": answers.value(
            _GET_POLICY, {"KeyId": arn}, lambda answer: document(answer.pages[0].get("Policy"), "the key's policy")
        ),
    }
    return _resource(answers, arn, properties, (_LIST_KEYS, _DESCRIBE_KEY, _GET_POLICY), at)


def _unseen(answers: Answers, arn: str, at: str) -> Resource:
    """Return a key that exists, and of which nobody saw more."""
    why = answers.value(_DESCRIBE_KEY, {"KeyId": arn}, lambda _: Unknown("AWS describes another key"))
    if why is None:
        why = Unknown("AWS lists the key and does not find it")
    return _resource(answers, arn, dict.fromkeys((*_SHOWN, "KeyPolicy"), why), (_LIST_KEYS, _DESCRIBE_KEY), at)


def _refused(answers: Answers) -> Iterator[Resource]:
    """Yield the keys of other accounts that could not be described."""
    own = f":{answers.target.account}:key/"
    for answer in answers.of(_DESCRIBE_KEY):
        arn = str(answer.parameters["KeyId"])
        if answer.error and answer.error.code not in _DESCRIBE_KEY.absent and ":key/" in arn and own not in arn:
            yield _unseen(answers, arn, answer.at)


def _resource(answers: Answers, arn: str, properties: Mapping[str, Any], asks: tuple[Ask, ...], at: str) -> Resource:
    id = arn.rpartition("/")[2]
    name = id if id.startswith("mrk-") else None  # what the copies of a multi-Region key share
    return answers.resource(KEY, arn, name, {"KeyId": id, **properties}, asks=asks, at=at)


def _alias(answers: Answers, alias: Mapping[str, Any], at: str) -> Resource | Gap:
    arn, name = alias.get("AliasArn"), alias.get("AliasName")
    if not isinstance(arn, str) or not isinstance(name, str) or not arn or not name:
        message = "an alias was answered without its ARN or name"
        return answers.gap(ALIAS, answers.name(_LIST_ALIASES), MALFORMED, message)
    # An alias of AWS has no key until it is used for the first time.
    properties = {"AliasName": name, "TargetKeyId": alias.get("TargetKeyId")}
    return answers.resource(ALIAS, arn, name, properties, asks=(_LIST_ALIASES,), at=at)
