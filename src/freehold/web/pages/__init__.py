"""The pages, by what one does there. Each module exports ROUTES; `app` puts them together."""
