"""A feed of an owner's, whole: docs/feeds.md shows it, and a test runs it from there."""

from freehold.feeds import Post

name = "Gardens"
description = "Gardens and allotments, in words and in pictures. What many answer stands longer."

WORDS = ("garden", "allotment", "compost")


def wants(post: Post) -> str | None:
    if post.reply:
        return None
    if any("garden" in alt.lower() for alt in post.alts):
        return "It shows a garden"
    found = [word for word in WORDS if word in post.text.lower()]
    return f"It says “{found[0]}”" if found else None


def weight(post: Post) -> float:
    return post.likes + 2 * post.replies
