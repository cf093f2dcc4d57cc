"""What a team would write with djangorestframework-api-key: one view that a valid key may see.

django_app.py DATABASE COUNT PREFIX makes the database with so many keys, and prints the last ones.
gunicorn serves ``application``; BENCH_DATABASE names the database.
"""

import os
import secrets
import sys

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path

DATABASE = os.environ.get("BENCH_DATABASE") or sys.argv[1]
settings.configure(
    SECRET_KEY=secrets.token_hex(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework", "rest_framework_api_key"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
    USE_TZ=True,
)
django.setup()

from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402


class KeySelf(APIView):
    """Describes the key of the request."""

    permission_classes = (HasAPIKey,)

    def get(self, request: object) -> Response:
        """Return what the view of a team would say."""
        key = APIKey.objects.get_from_key(HasAPIKey().get_key(request))
        return Response({"id": key.prefix, "name": key.name, "expiresAt": key.expiry_date})


urlpatterns = [path("api/v1/keys/self", KeySelf.as_view())]
application = get_wsgi_application()


def main() -> None:
    count, asked = map(int, sys.argv[2:4])
    call_command("migrate", verbosity=0)
    made, texts = [], []
    for number in range(count):
        key = APIKey(name=f"key {number}")
        texts.append(APIKey.objects.assign_key(key))
        made.append(key)
    APIKey.objects.bulk_create(made, batch_size=500)
    print("\n".join(texts[-asked:]))


if __name__ == "__main__":
    main()
