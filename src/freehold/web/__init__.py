"""The pages: a social network in the browser, drawn by the server, working without scripts.

In: HTTP requests for one network, a `backend.Backend` that answers them. Out: HTML, forms, style sheets, a manifest.
It imports no room but `protocol`; `site.py` hands it a backend. Start with `app.web_app`.
"""
