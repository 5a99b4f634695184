"""com.atproto.moderation.*: reports, by our members and by those of other hosts.

Source: lexicon com.atproto.moderation.createReport
"""

from typing import Any

from freehold.api.caller import ACCESS, Caller
from freehold.api.xrpc import Given, procedure
from freehold.moderation import reports
from freehold.protocol.syntax import format_datetime
from freehold.site import Site

Json = dict[str, Any]


@procedure("com.atproto.moderation.createReport", auth=ACCESS, cost=50)
async def create_report(site: Site, caller: Caller, given: Given) -> Json:
    said, reporter = given.input, caller.member
    subject = reports.subject_of(said["subject"])
    made = await site.truth.write(
        lambda tx: reports.file(
            tx, site.seal, reporter, subject, said["reasonType"], said.get("reason"), said.get("modTool")
        )
    )
    out: Json = {
        "id": made.id,
        "reasonType": made.reason_type,
        "subject": said["subject"],
        "reportedBy": made.reporter,
        "createdAt": format_datetime(made.at),
    }
    return out | {"reason": made.words} if made.words is not None else out
