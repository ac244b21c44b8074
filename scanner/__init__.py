"""Can every container workload start in the standby Region?  A policy-as-code scanner for AWS container estates."""

__version__ = "0.1.0"
