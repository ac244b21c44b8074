"""Pages of images: the fast way reads what botocore reads, and what the careful way reads."""

import gc
import json
from datetime import UTC, datetime

import botocore.session
import msgspec
import pytest
from botocore.parsers import create_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.collectors import ecr_images
from scanner.collectors.ecr_images import rows
from scanner.collectors.part import Count, Images

HERE = {"repositoryName": "team/api"}
DIGEST = "sha256:" + "a" * 64


def page(*details, **more) -> bytes:
    return json.dumps({"imageDetails": list(details), **more}).encode()


def detail(number: int) -> dict:
    return {
        "registryId": "111122223333",
        "repositoryName": "team/api",
        "imageDigest": f"sha256:{number:064x}",
        "imageTags": [f"v{number}", "latest"] if number % 3 else [],
        "imageSizeInBytes": 1_000_000 + number,
        "imagePushedAt": 1_700_000_000.123 + number * 61.007,
        "imageScanStatus": {"status": "COMPLETE"},
        "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactMediaType": "application/vnd.oci.image.config.v1+json",
        "lastRecordedPullTime": 1_710_000_000.5 + number,
        "imageStatus": "ACTIVE" if number % 5 else "ARCHIVED",
        **({"subjectManifestDigest": DIGEST} if number % 7 == 0 else {}),
    }


def test_twenty_thousand_images_are_what_botocore_reads():
    shape = botocore.session.get_session().get_service_model("ecr").operation_model("DescribeImages").output_shape
    for start in range(0, 20_000, 1000):
        body = page(*map(detail, range(start, start + 1000)), nextToken="more")
        response = {"body": body, "status_code": 200, "headers": {}}
        expected = create_parser("json").parse(response, shape)["imageDetails"]
        found = rows(body, HERE)
        assert (found.token, found.problem, found.error) == ("more", None, None)
        assert [as_botocore(row) for row in found.items] == [
            {key: value for key, value in image.items() if key not in ("registryId", "imageScanStatus")}
            | {"imageTags": sorted(image["imageTags"]) or []}
            for image in expected
        ]


def as_botocore(row) -> dict:
    read = {key: value for key, value in msgspec.structs.asdict(row).items() if value is not None}
    times = ("imagePushedAt", "lastRecordedPullTime", "lastArchivedAt", "lastActivatedAt")
    return {key: datetime.fromtimestamp(value, UTC) if key in times else value for key, value in read.items()}


texts = st.text(max_size=8) | st.sampled_from(["latest", "AKIAIOSFODNN7EXAMPLE", "a secret", "\0", "\ud800", ""])
numbers = st.integers(-5, 2**64) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
anything = st.none() | texts | numbers | st.lists(texts, max_size=2) | st.dictionaries(texts, texts, max_size=1)
digests = st.integers(0, 3).map(lambda n: f"sha256:{n:064x}") | st.sampled_from(
    ["", DIGEST + "0", DIGEST + "\n", f"{DIGEST}\n{DIGEST}"]
)
images = st.fixed_dictionaries(
    {"imageDigest": digests},
    optional={
        "imageTags": st.lists(texts, max_size=3) | anything,
        "imagePushedAt": st.floats(0, 3e9) | anything,
        "imageSizeInBytes": st.integers(0, 2**63) | anything,
        "imageStatus": st.sampled_from(["ACTIVE", "ARCHIVED"]) | anything,
        "imageManifestMediaType": texts | anything,
        "subjectManifestDigest": digests | st.none(),
        "lastArchivedAt": st.floats(0, 3e9) | st.integers(0, 10**12),
    },
)


@given(details=st.lists(images | anything, max_size=4), token=st.none() | texts | numbers)
@settings(max_examples=300, deadline=None)
def test_the_fast_way_reads_what_the_careful_way_reads(details, token):
    body = page(*details, nextToken=token)
    fast, careful = rows(body, HERE), ecr_images._carefully(body, "team/api")
    assert (fast.token, fast.problem, fast.error) == (careful.token, careful.problem, careful.error)
    assert [plain(row) for row in fast.items] == [plain(row) for row in careful.items]


def plain(row) -> dict:
    return {**msgspec.structs.asdict(row), "imageTags": row.imageTags or []}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "has no 'imageDetails'"),
        (b'{"imageDetails": {}}', "'imageDetails' is not a list"),
        (b'{"imageDetails": [], "nextToken": 7}', "'nextToken' is not a string"),
        (b'{"imageDetails": ' + b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
    ],
    ids=["empty", "list", "bare", "object", "token", "deep", "binary"],
)
def test_a_page_that_is_none_says_why(body, error):
    assert error in rows(body, HERE).error


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"imageDigest": "sha256:short"}, "not a sha256 digest"),
        ({"imageSizeInBytes": -1}, "not a size"),
        ({"imagePushedAt": "yesterday"}, "not a time"),
        ({"imagePushedAt": 1e20}, "not a time"),
        ({"imageTags": "v1"}, "tags are no list"),
        ({"imageTags": [7]}, "not a string"),
    ],
    ids=["digest", "size", "text-time", "far-time", "tags", "tag"],
)
def test_an_image_that_cannot_be_read_leaves_the_others(change, problem):
    found = rows(page(detail(1), {**detail(2), **change}, detail(3)), HERE)
    assert [row.imageDigest for row in found.items] == [detail(1)["imageDigest"], detail(3)["imageDigest"]]
    assert problem in found.problem


def test_a_secret_in_a_tag_goes_no_further():
    found = rows(page({**detail(1), "imageTags": ["AKIAIOSFODNN7EXAMPLE", "v1"]}), HERE)
    assert found.items[0].imageTags == ["[redacted]", "v1"]


class Written:
    """Stands for the writer of a target."""

    repeats = False

    def __init__(self) -> None:
        self.lines = b""

    def add_images(self, repository, lines):
        self.lines += lines.text

    def images_repeat(self):
        self.repeats = True


def test_images_leave_little_for_the_garbage_collector_to_walk_through():
    """Pins what CPython and msgspec do not track: rows, and bytes."""
    images = Images(Written(), "r", Count())
    found = rows(page(*map(detail, range(3))), HERE)
    images.add(found)
    assert not any(gc.is_tracked(row) for row in found.items)
    assert [gc.is_tracked(text) for text in images._digests] == [False]


@pytest.mark.parametrize(
    ("pages", "count", "repeats"),
    [
        ([], 0, False),
        ([[]], 0, False),
        ([[1, 2], [], [3]], 3, False),
        ([[1, 2, 3], [3, 4]], 4, True),
        ([[1, 2, 1]], 2, True),
        ([[1], [2], [1], [1]], 2, True),
    ],
)
@pytest.mark.parametrize("digest", ["{:064x}", "{:0<64}"])  # which begin alike, and do not
def test_an_image_that_pages_name_twice_counts_once(pages, count, repeats, digest):
    written, total = Written(), Count()
    images = Images(written, "r", total)
    for numbers in pages:
        details = [{**detail(number), "imageDigest": "sha256:" + digest.format(number)} for number in numbers]
        images.add(rows(page(*details), HERE))
    assert [images.count(), total.value] == [count, count]
    assert images.count() == count
    assert written.repeats == repeats
    assert written.lines.count(b"\n") == sum(map(len, pages))


@pytest.mark.parametrize("secret", [False, True])
def test_the_words_of_a_page_are_all_its_statuses_and_media_types(secret):
    """Also of a page that is read item by item, as one is that may hold a secret."""
    tags = {"imageTags": ["AKIAIOSFODNN7EXAMPLE"]} if secret else {}
    found = rows(page(detail(0) | tags, detail(1), {"imageDigest": DIGEST}), HERE)
    media = {"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"}
    assert found.words == media | {"ARCHIVED", "ACTIVE"}
    assert len(found.items) == 3
