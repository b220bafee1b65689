"""What Azure's own clients make of a server: one JSON object of what they saw. Reads where the server is, and who, as JSON."""

import json
import os
import sys

from azure.core.exceptions import HttpResponseError
from azure.identity import CertificateCredential, ClientAssertionCredential, ClientSecretCredential, ManagedIdentityCredential
from azure.keyvault.certificates import CertificateClient, CertificatePolicy, CertificateContentType
from azure.keyvault.keys import JsonWebKey, KeyClient
from azure.keyvault.secrets import SecretClient

given = json.load(sys.stdin)
url, tenant = given["url"], given["tenant"]
common = {"authority": url, "disable_instance_discovery": True}
options = {"api_version": "7.4", "verify_challenge_resource": False}
seen = {}


def client(kind, credential):
    return kind(vault_url=url, credential=credential, **options)


def refusal(work):
    try:
        work()
        return "none"
    except HttpResponseError as error:
        return error.error.code


by_secret = ClientSecretCredential(tenant, "app", given["secret"], **common)
by_certificate = CertificateCredential(tenant, "certified", certificate_data=given["certificate"].encode(), **common)
by_account = ClientAssertionCredential(tenant, "federated", lambda: given["assertion"], **common)

own = client(SecretClient, by_secret)
ours = own.get_secret("ours")
seen["ours"] = [ours.value, ours.properties.content_type, ours.properties.tags["managed-by"]]
seen["certified"] = client(SecretClient, by_certificate).get_secret("ours").value
seen["federated"] = client(SecretClient, by_account).get_secret("ours").value
wrong = client(SecretClient, ClientSecretCredential(tenant, "stranger", given["secret"], **common))
seen["stranger"] = refusal(lambda: wrong.get_secret("ours"))

first = own.set_secret("theirs", "one", tags={"team": "x"})
own.set_secret("theirs", "two", content_type="text/plain")
seen["first"] = own.get_secret("theirs", first.properties.version).value
seen["latest"] = own.get_secret("theirs").value
seen["listed"] = [each.name for each in own.list_properties_of_secrets() if each.name in ("ours", "theirs")]
seen["gone"] = refusal(lambda: own.get_secret("none"))
own.begin_delete_secret("theirs").result()
seen["deleted"] = refusal(lambda: own.set_secret("theirs", "three"))
own.begin_recover_deleted_secret("theirs").result()
own.update_secret_properties("theirs", tags={"team": "y"})
seen["recovered"] = own.get_secret("theirs").value

seen["key"] = client(KeyClient, by_secret).get_key("ours").key.kty
imported = JsonWebKey(**{name: bytes.fromhex(value) for name, value in given["jwk"].items()}, kty="RSA", key_ops=[])
client(KeyClient, by_secret).import_key("theirs", imported)
certificates = client(CertificateClient, by_secret)
seen["cert"] = certificates.get_certificate("ours").cer.hex()
policy = CertificatePolicy("Self", subject="CN=x", content_type=CertificateContentType.pem)
certificates.import_certificate("theirs", given["certificate"].encode(), policy=policy)
print(json.dumps(seen))
