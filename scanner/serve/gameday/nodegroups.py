"""Amazon EKS on a game day: node groups that are scaled.  What runs in clusters, Kubernetes decides."""

from __future__ import annotations

from typing import Any

from scanner.serve.gameday.world import Write, refused


def update_nodegroup(write: Write) -> dict[str, Any]:
    """Change the size of a node group."""
    cluster, name = write.parameters["clusterName"], write.parameters["nodegroupName"]
    if cluster not in write.listed("eks", "ListClusters", "clusters"):
        raise refused("ResourceNotFoundException", f"No cluster found for name: {cluster}.", 404)
    if name not in write.listed("eks", "ListNodegroups", "nodegroups", clusterName=cluster):
        raise refused("ResourceNotFoundException", f"No node group found for name: {name}.", 404)
    asked = {"clusterName": cluster, "nodegroupName": name}
    answers = (one for one in write.record.of("eks", "DescribeNodegroup") if one.parameters == asked and one.pages)
    old = next((answer.pages[0]["nodegroup"] for answer in answers), None)
    if old is None:
        raise write.query.not_recorded(f"node group '{name}' was not described")
    scaling = {**old["scalingConfig"], **(write.parameters.get("scalingConfig") or {})}
    if not scaling["minSize"] <= scaling["desiredSize"] <= scaling["maxSize"]:
        raise refused("InvalidParameterException", "desiredSize is between minSize and maxSize.")
    kept = {key: value for key, value in write.parameters.items() if key in ("updateConfig", "nodeRepairConfig")}
    new = {**old, **kept, "scalingConfig": scaling, "modifiedAt": write.now}
    write.edits.answer("eks", "DescribeNodegroup", asked, {"nodegroup": new})
    update = {"id": "game-day", "status": "InProgress", "type": "ConfigUpdate", "params": [], "errors": []}
    return {"update": {**update, "createdAt": write.now}}


WRITES = {"UpdateNodegroupConfig": update_nodegroup}
