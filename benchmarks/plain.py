"""The rival: plain boto3 as most scripts use it, a new session and new clients for each account and Region."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def collect(
    *, url: str, accounts: list[str], regions: list[str], threads: int, retries: str, parquet: bool = False
) -> dict[str, Any]:
    """List repositories, their two policies and their images into memory; `retries` is botocore's mode.

    With `parquet`, the images of each target are then written to a file, by JSON Lines and DuckDB.
    Targets are worked on side by side; so are, if there are fewer of them than threads, the repositories of each.
    """
    targets = [(account, region) for account in accounts for region in regions]
    at_once = min(len(targets), threads)
    failed: Counter[str] = Counter()

    def ask(target: tuple[str, str]) -> int:
        return _target(target, url, threads // at_once, retries, failed, parquet)

    with ThreadPoolExecutor(at_once) as pool:
        images = sum(pool.map(ask, targets))
    return {"images": images, "failed": dict(failed)}


def _target(target: tuple[str, str], url: str, threads: int, retries: str, failed: Counter[str], parquet: bool) -> int:
    import boto3
    from botocore.config import Config

    account, region = target
    keys = {"aws_access_key_id": f"ASIA{account}", "aws_secret_access_key": "s", "aws_session_token": "t"}
    session = boto3.Session(**keys, region_name=region)
    config = Config(retries={"mode": retries, "total_max_attempts": 5}, max_pool_connections=max(threads, 10))
    client = session.client("ecr", endpoint_url=url, config=config)
    pages = client.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1000})
    names = [repository["repositoryName"] for page in pages for repository in page["repositories"]]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = [
            image for images in pool.map(lambda name: _repository(client, name, failed), names) for image in images
        ]
    if parquet:
        _write(found)
    return len(found)


def _write(images: list[Any]) -> None:
    import json
    import tempfile
    from pathlib import Path

    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "images.jsonl")
        with lines.open("w", encoding="utf-8") as out:
            for image in images:
                out.write(json.dumps(image, default=str) + "\n")
        duckdb.connect().execute(
            f"COPY (SELECT * FROM read_json('{lines}') ORDER BY repositoryName, imageDigest) "
            f"TO '{folder}/images.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )


def _repository(client: Any, name: str, failed: Counter[str]) -> list[Any]:
    from botocore.exceptions import ClientError

    found: list[Any] = []

    def images() -> None:
        pages = client.get_paginator("describe_images").paginate(
            repositoryName=name, filter={"imageStatus": "ANY"}, PaginationConfig={"PageSize": 1000}
        )
        for page in pages:
            found.extend(page["imageDetails"])

    for call in (
        lambda: client.get_repository_policy(repositoryName=name),
        lambda: client.get_lifecycle_policy(repositoryName=name),
        images,
    ):
        try:
            call()
        except ClientError as error:
            failed[error.response["Error"]["Code"]] += 1
    return found
