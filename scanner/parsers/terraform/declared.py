"""What Terraform declares: one instance of a resource or data source with its values, however it was found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model import Location, Unknown
from scanner.regions import partition_by_name


class Attribute(Unknown):
    """A value that is known after apply: `attribute` of the resource at `address`, such as the ARN of a new key.

    It is unknown by itself, and yet says which resource of the configuration is meant.
    """

    __slots__ = ("address", "attribute")
    address: str
    attribute: str

    def __init__(self, address: str, attribute: str) -> None:
        super().__init__(f"'{address}.{attribute}' is known only after deployment")
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "attribute", attribute)

    def __reduce__(self) -> Any:
        return Attribute, (self.address, self.attribute)


@dataclass(frozen=True)
class Declared:
    """One instance of a resource or of a data source.

    `address` is Terraform's, for example `module.edge["eu"].aws_ecr_repository.this[0]`.  `values` are as `terraform
    show -json` has them: nested blocks are lists of objects, and an attribute that is left out is missing or None;
    `Unknown` may stand anywhere in them.  `account` and `region` are None when nothing says where the resource lives.
    `locations` maps JSON Pointers into `values` to where they are written; "" is the block.  `doubt` says why it may
    not be there at all (its `count` is not known); it is empty for what is there for certain.  `stands_for` says why
    it is not known which live object is imported; it is empty where that is known, and for what is not imported.
    `cluster` is the name of the EKS cluster that its provider speaks to, None for a resource of AWS.
    """

    address: str
    type: str
    data: bool
    values: Mapping[str, Any]
    account: str | None
    region: str | None
    path: str
    locations: Mapping[str, Location]
    doubt: str = ""
    stands_for: str = ""
    cluster: str | Unknown | None = None

    @property
    def cluster_arn(self) -> str | Unknown:
        """Return the ARN of the EKS cluster that an object of Kubernetes, or a chart, is applied to."""
        if self.account and self.region and isinstance(self.cluster, str):
            return f"arn:{partition_by_name(self.region)[0]}:eks:{self.region}:{self.account}:cluster/{self.cluster}"
        why = self.cluster.reason if isinstance(self.cluster, Unknown) else "its account or Region is not known"
        about = f"nothing says which cluster '{self.address}' is applied to: {why}"
        return Unknown(f"{about}; name the cluster of the root module under 'iac:' in regionproof.yaml")
