"""The views, whose answers are plain dicts all the way down, as a client decodes them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from freehold.appview import views
from freehold.appview.fragments import plain


class Views(views.Views):
    pass


def _opened(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def asked(*given: Any, **named: Any) -> Any:
        return plain(view(*given, **named))

    return asked


for _name, _view in vars(views.Views).items():
    if _name.startswith(("get_", "list_", "search_")):
        setattr(Views, _name, _opened(_view))
