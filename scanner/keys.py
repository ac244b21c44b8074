"""The KMS key that encrypts a repository or a secret, and whose it is.

Reading something that nobody has seen raises `InsufficientData`.
"""

from __future__ import annotations

from scanner.model import InsufficientData, Model, Place, Resource

KEY, ALIAS = "AWS::KMS::Key", "AWS::KMS::Alias"


def named_key(repository: Resource) -> str | None:
    """Return the ARN, id or alias of a repository's key, None if it names none or uses no KMS."""
    encryption = repository["EncryptionConfiguration"] or {}
    key: str | None = encryption.get("KmsKey") if encryption.get("EncryptionType") != "AES256" else None
    return key


def key_of(model: Model, user: Resource, named: str, place: Place | None = None) -> Resource | None:
    """Return the key that an ARN, an id or an alias names where its user is, or in `place`; None if there is none.

    A key that a file names need not be declared in the same files, so only an account shows that there is none.
    """
    place, id = place or user.place, named.rpartition("/")[2]
    if named.startswith("arn:") and ":alias/" in named and named.split(":")[4] != place.account:
        raise InsufficientData(f"key '{named}' of another account was not seen")
    if "alias/" in named:
        alias = model.find(ALIAS, f"alias/{named.partition('alias/')[2]}", place)
        if alias is None or alias["TargetKeyId"] is None:
            _require_account(user, named)
            return None
        id = str(alias["TargetKeyId"]).rpartition("/")[2]
    owner = named.split(":")[4] if named.startswith("arn:") else place.account  # an id is one of one's own account
    for key in model.in_place(KEY, Place(owner, place.region)):
        if key.region == place.region and key["KeyId"] == id:
            return key
    if gap := model.hidden(KEY, place):
        raise InsufficientData(f"key '{named}' may exist unseen: {gap}")
    if named.startswith("arn:") and named.split(":")[4] != place.account:
        raise InsufficientData(f"key '{named}' of another account was not seen")
    _require_account(user, named)
    return None


def _require_account(user: Resource, named: str) -> None:
    if user.locations:
        raise InsufficientData(f"key '{named}' is not declared in the scanned files and may exist all the same")


def is_customers(model: Model, repository: Resource) -> bool:
    """Tell whether a repository is encrypted with a key of the customer and not with one that AWS manages.

    An account shows the ARN of the key also where nobody chose one, so what manages the key has to be seen.
    """
    named = named_key(repository)
    if named is None:
        return False
    if "alias/" in named:
        return "alias/aws/" not in named
    key = key_of(model, repository, named)
    if key is None:
        raise InsufficientData(f"key '{named}' does not exist, so whose it was is not known")
    if key.locations:  # a template makes keys of customers only
        return True
    return bool(key["KeyManager"] == "CUSTOMER")
