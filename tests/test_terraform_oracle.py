"""Variables, modules and their instances as Terraform itself evaluates them, where it is installed."""

import json
import os
import shutil
import subprocess

import pytest

from scanner.model import guard, plain
from scanner.parsers.reading import Reading
from scanner.parsers.terraform.modules import Modules
from scanner.parsers.terraform.names import Instance
from scanner.parsers.terraform.roots import Roots
from scanner.parsers.tree import Tree

MAIN = """
variable "text" {}
variable "both" {
  default = "default"
}
variable "number" {
  type = number
}
variable "flag" {
  type    = bool
  default = "true"
}
variable "words" {
  type    = set(string)
  default = ["b", "a", "b"]
}
variable "settings" {
  type = object({
    name  = string
    cpu   = optional(number, 256)
    tags  = optional(map(string), { a = "1" })
    inner = optional(object({ on = optional(bool, true), list = optional(list(number), [1]) }), {})
    none  = optional(string)
  })
  default = { name = "x", extra = "dropped", tags = null }
}
variable "map" {
  type    = map(object({ size = optional(number, 1) }))
  default = { b = {}, a = { size = "2" } }
}
variable "strict" {
  type     = string
  default  = "kept"
  nullable = false
}
variable "loose" {
  type    = string
  default = "replaced"
}

locals {
  extra = "base"
  keys  = toset([for name, one in var.map : name if one.size > 0])
}

resource "terraform_data" "many" {
  for_each = local.keys
  input    = "${each.key}-${var.map[each.value].size}"
}

resource "terraform_data" "counted" {
  count = length(var.words)
  input = count.index
}

resource "terraform_data" "none" {
  count = 0
}

module "one" {
  source = "./child"
  name   = var.text
  size   = null
}

module "several" {
  source   = "./child"
  for_each = { for name in ["x", "y"] : name => upper(name) }
  name     = each.value
  size     = 3
}

module "numbered" {
  source = "./child"
  count  = 2
  name   = "n${count.index}"
}

module "absent" {
  source = "./child"
  count  = var.flag ? 0 : 1
  name   = "absent"
}
"""
OVERRIDE = """
locals {
  extra = "override"
}
variable "both" {
  default = "overridden"
}
"""
CHILD = """
variable "name" {}
variable "size" {
  type     = number
  default  = 7
  nullable = false
}
module "inner" {
  source = "../inner"
  list   = [var.name, "${var.size}"]
}
output "name" {
  value = "${path.module}/${var.name}"
}
output "size" {
  value = var.size
}
output "inner" {
  value = module.inner.joined
}
"""
INNER = """
variable "list" {
  type = list(string)
}
output "joined" {
  value = join("+", var.list)
}
"""
FILES = {
    "main.tf": MAIN,
    "z_override.tf": OVERRIDE,
    "child/main.tf": CHILD,
    "inner/main.tf": INNER,
    "terraform.tfvars": 'text = "tfvars"\nboth = "tfvars"\nnumber = "1"\nstrict = null\nloose = null\n',
    "terraform.tfvars.json": '{"text": "json"}',
    "a.auto.tfvars": 'text = "auto a"\n',
    "b.auto.tfvars.json": '{"text": "auto b", "number": 2}',
    "prod.tfvars": 'both = "file"\n',
}
EXPRESSIONS = [
    "var.text",
    "var.both",
    "var.number",
    "var.flag",
    "sort(var.words)",
    "var.settings",
    "var.map",
    "var.strict",
    "var.loose == null",
    "local.extra",
    "sort(local.keys)",
    "sort(keys(terraform_data.many))",
    "[for key in sort(keys(terraform_data.many)) : terraform_data.many[key].input]",
    "terraform_data.counted[*].input",
    "terraform_data.counted[1].input",
    "length(terraform_data.none)",
    'try(terraform_data.none[0].input, "none")',
    "module.one.name",
    "module.one.size",
    "module.one.inner",
    "{ for key, one in module.several : key => one.inner }",
    'module.several["x"].name',
    "module.numbered[*].name",
    "[for one in module.numbered : one.size]",
    "length(module.absent)",
    "one(module.absent[*].name) == null",
    "path.module",
    "path.root",
]


@pytest.fixture
def tree(tmp_path):
    outputs = "".join(f'output "o{n}" {{\n  value = {text}\n}}\n' for n, text in enumerate(EXPRESSIONS))
    for name, text in {**FILES, "outputs.tf": outputs}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not installed")
def test_a_root_module_is_worth_what_terraform_makes_of_it(tree):
    def terraform(*arguments):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tree),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        run = subprocess.run(["terraform", *arguments], cwd=tree, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    modules = Modules(Tree(tree, lambda error, _: pytest.fail(str(error))))
    roots = Roots(modules, Reading(lambda _: [], lambda _: []))
    (root,) = roots.found()
    (environment,) = roots.environments(root)
    instance = Instance(environment, root, (), "", None)
    ours = {name: instance.output(name) for name in root.outputs}
    terraform("init", "-backend=false", "-input=false")
    terraform("plan", "-input=false", "-refresh=false", "-var-file=prod.tfvars", "-out=plan")
    planned = json.loads(terraform("show", "-json", "plan"))["planned_values"]["outputs"]
    for n, text in enumerate(EXPRESSIONS):
        assert plain(guard(ours[f"o{n}"])) == planned[f"o{n}"]["value"], text
