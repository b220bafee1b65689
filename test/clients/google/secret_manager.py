"""What Google's own client makes of a server: one JSON object of what it saw. Reads where the server is, and a key, as JSON."""

import json
import sys

from google.api_core import exceptions
from google.auth import identity_pool
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceRestTransport,
)
from google.oauth2 import service_account

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
given = json.load(sys.stdin)
seen = {}


def client(credentials):
    host = given["url"].removeprefix("http://")
    transport = SecretManagerServiceRestTransport(credentials=credentials, host=host, url_scheme="http")
    return SecretManagerServiceClient(transport=transport)


def value(at, secret, version="latest"):
    name = f"projects/shop/secrets/{secret}/versions/{version}"
    return at.access_secret_version(request={"name": name}).payload.data.decode()


def refusal(work):
    try:
        work()
        return "none"
    except exceptions.GoogleAPICallError as error:
        return type(error).__name__


own = client(service_account.Credentials.from_service_account_info(json.loads(given["key"]), scopes=SCOPES))
seen["ours"] = value(own, "ours")

automatic = {"replication": {"automatic": {}}, "labels": {"team": "x"}}
making = {"parent": "projects/shop", "secret_id": "theirs", "secret": automatic}
made = own.create_secret(request=making)
seen["twice"] = refusal(lambda: own.create_secret(request=making))
parent = "projects/shop/secrets/theirs"
for text in (b"one", b"two"):
    own.add_secret_version(request={"parent": parent, "payload": {"data": text}})
seen["first"] = value(own, "theirs", "1")
seen["latest"] = value(own, "theirs")
listed = own.list_secrets(request={"parent": "projects/shop", "filter": "labels.team=x"})
seen["listed"] = [each.name.split("/")[-1] for each in listed]
seen["labels"] = dict(own.get_secret(request={"name": parent}).labels)
assert len(list(own.list_secret_versions(request={"parent": parent, "filter": "state:ENABLED"}))) == 2

changed = {"name": parent, "labels": {"team": "y"}, "etag": made.etag}
own.update_secret(request={"secret": changed, "update_mask": {"paths": ["labels"]}})
stale = {"secret": changed, "update_mask": {"paths": ["labels"]}}
seen["stale"] = refusal(lambda: own.update_secret(request=stale))

class Subject(identity_pool.SubjectTokenSupplier):
    def get_subject_token(self, context, request):
        return given["subject"]


federated = identity_pool.Credentials(
    audience=given["audience"],
    subject_token_type="urn:ietf:params:oauth:token-type:jwt",
    token_url=f"{given['url']}/v1/token",
    subject_token_supplier=Subject(),
    service_account_impersonation_url=f"{given['url']}/v1/projects/-/serviceAccounts/"
    "owner@shop.iam.gserviceaccount.com:generateAccessToken",
    scopes=SCOPES,
)
seen["federated"] = value(client(federated), "theirs")

own.delete_secret(request={"name": parent})
seen["gone"] = refusal(lambda: value(own, "theirs"))
own.create_secret(request={"parent": "projects/shop", "secret_id": "left", "secret": {"replication": {"automatic": {}}}})
own.add_secret_version(request={"parent": "projects/shop/secrets/left", "payload": {"data": b"by them"}})
print(json.dumps(seen))
