"""The pages: a social network in the browser, drawn by the server, working without scripts.

In: HTTP requests for one network, a `backend.Backend` that answers them. Out: HTML, forms, style sheets, a manifest.
`rooms.SiteBackend` makes that backend of a site's rooms; the pages know nothing else. Start with `app.web_app`.
"""
