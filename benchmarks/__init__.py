"""Benchmarks of collection: ratios, measured side by side in one run on loopback.  README.md says how to read them."""
