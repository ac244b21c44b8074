"""The rules are files in the folders beside this one; there is nothing to import."""
