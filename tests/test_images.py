"""The image index: exact answers from whole lists, no answers from broken ones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.images import SAMPLE, Image, ImageIndex, Listing, RepositoryKey
from scanner.model import InsufficientData, Place

HERE = RepositoryKey.of(Place("111122223333", "us-east-1"), "shop/web")
THERE = HERE._replace(region="us-west-2")
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def digest(number):
    return f"sha256:{number:064x}"


def image(number, hours_ago=24.0, **more):
    pushed_at = None if hours_ago is None else NOON - timedelta(hours=hours_ago)
    return Image(digest(number), pushed_at=pushed_at, **more)


def index(here=(), there=()):
    return ImageIndex({HERE: Listing(tuple(here)), THERE: Listing(tuple(there))})


some_images = st.lists(
    st.builds(
        image,
        st.integers(0, 12),
        st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 24.0, 48.0]),
        status=st.sampled_from(["ACTIVE", "ARCHIVED", "ACTIVATING"]),
        tags=st.lists(st.sampled_from(["1", "2", "latest"]), unique=True).map(tuple),
    ),
    unique_by=lambda image: image.digest,
    max_size=12,
)


@given(some_images, some_images)
def test_missing_is_the_naive_set_difference(here, there):
    older_than = NOON - timedelta(minutes=30)
    absent = {i for i in here if i.status == "ACTIVE"} - {i for i in here if i.digest in {j.digest for j in there}}
    pending = {i for i in absent if i.pushed_at and i.pushed_at > older_than}
    late = absent - pending
    found = index(here, there).missing(HERE, THERE, older_than)
    assert found.images == sum(i.status == "ACTIVE" for i in here)
    assert (found.missing, found.pending) == (len(late), len(pending))
    assert found.oldest_missing_at == min((i.pushed_at for i in late if i.pushed_at), default=None)
    assert len(found.sample) == len(set(found.sample)) == min(SAMPLE, len(late))
    assert set(found.sample) <= {i.digest for i in late}


@given(some_images, some_images)
def test_missing_does_not_hang_on_the_order_of_the_lists(here, there):
    assert index(here, there).missing(HERE, THERE, NOON) == index(here[::-1], there[::-1]).missing(HERE, THERE, NOON)


@given(some_images)
def test_get_and_tags_are_a_walk_through_the_list(images):
    whole = index(images)
    for number in range(13):
        assert whole.get(HERE, digest(number)) == next((i for i in images if i.digest == digest(number)), None)
    for tag in {tag for i in images for tag in i.tags} | {"none"}:
        tagged = [i for i in images if tag in i.tags]
        if len(tagged) > 1:
            with pytest.raises(InsufficientData, match=f"tag '{tag}' moved while the images were listed"):
                whole.tagged(HERE, tag)
        else:
            assert whole.tagged(HERE, tag) == next(iter(tagged), None)


def test_a_tag_that_moved_while_it_was_listed_is_compared_only_where_both_sides_say_the_same():
    """A push between two pages of a list shows a tag on the image that had it, and on the one that has it."""
    twice = [image(1, tags=("latest",)), image(2, tags=("latest",))]
    assert not index(twice, twice).tag_differences(HERE, THERE, NOON).moved
    assert not index(twice, [image(3)]).tag_differences(HERE, THERE, NOON).lost
    for other in ([image(1, tags=("latest",))], [image(1), image(2)], [image(3, tags=("latest",))]):
        for here, there in ((twice, other), (other, twice)):
            if any(i.tags for i in here):
                with pytest.raises(InsufficientData, match="'latest' moved while the images were listed: it is on 2"):
                    index(here, there).tag_differences(HERE, THERE, NOON)


def test_a_sample_names_the_oldest_first_and_those_of_unknown_age_last():
    here = [image(1, None), image(2, 30), image(3, 48), image(4, 36)]
    assert index(here).missing(HERE, THERE, NOON).sample == tuple(map(digest, [3, 4, 2, 1]))


@pytest.mark.parametrize(
    ("hours_ago", "missing", "pending"), [(0.49, 0, 1), (0.5, 1, 0), (0.51, 1, 0), (None, 1, 0), (-1, 0, 1)]
)
def test_an_image_is_pending_while_it_is_younger_than_the_grace_time(hours_ago, missing, pending):
    found = index([image(1, hours_ago)]).missing(HERE, THERE, NOON - timedelta(minutes=30))
    assert (found.missing, found.pending) == (missing, pending)


@pytest.mark.parametrize("status", ["ACTIVE", "ARCHIVED", "ACTIVATING"])
def test_a_copy_in_the_archive_is_there_all_the_same(status):
    assert index([image(1)], [image(1, status=status)]).missing(HERE, THERE, NOON).missing == 0


class TestIncomplete:
    """What a list that ended early says, and what it does not."""

    BROKEN = ImageIndex(
        {
            HERE: Listing((image(1, tags=("1",)),)),
            THERE: Listing((image(1, tags=("1",)),), incomplete="ThrottlingException"),
        }
    )

    def test_what_it_holds_is_certain(self):
        assert self.BROKEN.get(THERE, digest(1)) == image(1, tags=("1",))

    @pytest.mark.parametrize(
        "ask",
        [
            lambda index: index.get(THERE, digest(2)),
            lambda index: index.images(THERE),
            lambda index: index.tagged(THERE, "1"),
            lambda index: index.missing(HERE, THERE, NOON),
            lambda index: index.missing(THERE, HERE, NOON),
        ],
    )
    def test_nothing_else_is(self, ask):
        with pytest.raises(InsufficientData, match=r"111122223333/us-west-2/shop/web .*ThrottlingException"):
            ask(self.BROKEN)

    @pytest.mark.parametrize(
        "ask",
        [
            lambda index: index.get(THERE, digest(1)),
            lambda index: index.images(THERE),
            lambda index: index.tagged(THERE, "1"),
            lambda index: index.missing(HERE, THERE, NOON),
            lambda index: index.missing(THERE, HERE, NOON),
        ],
    )
    def test_a_repository_that_was_not_listed_is_not_an_empty_one(self, ask):
        with pytest.raises(InsufficientData, match="were not listed"):
            ask(ImageIndex({HERE: Listing(())}))
