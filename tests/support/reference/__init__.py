"""The views again, slowly: what a reader must see, worked out by plain loops over what everybody wrote.

`truth` gathers the records, `standing` says how two people stand, `views` answers. Nothing is shared with the product
but the reading of identifiers: no index, no SQL, no counts that are kept, no cursors. Whoever doubts a view reads here.
"""
