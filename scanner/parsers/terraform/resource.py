"""One instance of a resource or a data source: what is written in it, what is computed, and where it is."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from scanner.model import Unknown
from scanner.parsers.terraform import clusters, providers, sources
from scanner.parsers.terraform.computed import computed
from scanner.parsers.terraform.declared import Attribute
from scanner.parsers.terraform.evaluate import Scope
from scanner.parsers.terraform.imports import Imported
from scanner.parsers.terraform.instances import Values
from scanner.parsers.terraform.maps import attribute_map
from scanner.parsers.terraform.providers import CLOUD_CONTROL, DEFAULT, Provider, known
from scanner.parsers.terraform.syntax import Block

if TYPE_CHECKING:
    from scanner.parsers.terraform.names import Instance


class ResourceInstance:
    """One instance of a resource or a data source."""

    def __init__(self, block: Block, address: str, owner: Instance, scope: Scope, *, data: bool) -> None:
        self.block, self.address, self.owner, self.data = block, address, owner, data
        self.type = block.labels[0]
        self.values = Values(block, scope, None if data else lambda: self.imported.values)
        self._computed: dict[str, Any] = {}

    @cached_property
    def imported(self) -> Imported:
        """Return what tells which live object it stands for."""
        return self.owner.imports.of(self.address, self.type)

    @cached_property
    def place(self) -> Provider:
        """Return the account and the Region it is in: `region` of its own (provider 6) counts before the provider's."""
        attribute = self.block.body.attributes.get("provider")
        prefix = self.type.partition("_")[0]
        name = providers.named(attribute.expression) if attribute else prefix
        if prefix not in (DEFAULT, CLOUD_CONTROL):
            return self.owner.cluster(name).place
        provider = self.owner.provider(name)
        region = self.values.get("region")
        return provider if region is None else Provider(provider.account, region)

    @property
    def cluster(self) -> str | Unknown | None:
        """Return the name of the EKS cluster that its provider speaks to; None if it is a resource of AWS."""
        attribute = self.block.body.attributes.get("provider")
        prefix = self.type.partition("_")[0]
        if prefix in (DEFAULT, CLOUD_CONTROL):
            return None
        return self.owner.cluster(providers.named(attribute.expression) if attribute else prefix).name

    def attribute(self, name: str) -> Any:
        """Return an attribute; raise `KeyError` if there certainly is none."""
        written = self.values.get(name)
        if written is not None:
            return written
        if name not in self._computed:
            self._computed[name] = Unknown(f"{self.address}.{name} refers to itself")
            self._computed[name] = self._made(name)
        return self._computed[name]

    def _made(self, name: str) -> Any:
        if self.type.startswith(clusters.EKS):
            self.owner.root.clusters[self.address] = self
        if self.data and self.type.startswith(clusters.EKS) and name not in ("id", "name", "arn"):
            return Attribute(self.address, name)
        if self.data:
            return sources.read(self.type, name, self.values.get, self.place, self.address)
        account, region = known(self.place)
        made = computed(self.type, name, self.values.get, account, region)
        return Attribute(self.address, name) if made is None else made

    def index(self, key: Any) -> Any:
        """Return an element; raise `KeyError` if there certainly is none."""
        if isinstance(key, (str, Unknown)):
            return key if isinstance(key, Unknown) else self.attribute(key)
        raise KeyError(key)

    def whole(self) -> Any:
        """Return all of it as a value."""
        found = attribute_map(self.type) or {}
        names = dict.fromkeys([*self.values.names(), "arn", "id", *found.get("computed", ())])
        return {name: self.attribute(name) for name in names}
