/**
 * Tests of hvac's suite that are not run, by the beginning of their pytest id, and why. One that matches no test fails
 * the suite, so that the table never says more than is true.
 */
const suite = 'tests/integration_tests';
const system = `${suite}/api/system_backend`;

const github = 'enables the auth method github, which is not offered';
const keyless =
  'sends a certificate without a key: the TLS library of today’s Python ends before it connects, whoever is asked';
const leases = 'makes its leases with the PKI engine, which is not offered yet: leases.test.ts asks the same of others';

const aws = `${suite}/api/auth_methods/test_aws.py::TestAws::test_configure_identity_integration`;
const words = 'compares the words of the error: ours names the field and what it may be';
const ec2 = 'names metadata of EC2 logins, which are not offered: the answer names what may be given';
const ldap = `${suite}/api/auth_methods/test_ldap.py::TestLdap::test_configure`;
const oidc = `${suite}/api/auth_methods/test_oidc.py::TestOIDC`;

export const leftOut: Readonly<Record<string, string>> = {
  [`${system}/test_auth.py::TestAuth::test_auth_backend_manipulation`]: github,
  [`${suite}/api/auth_methods/test_cert.py::TestCert::test_login_0`]: keyless,
  [`${suite}/api/auth_methods/test_cert.py::TestCert::test_login_1`]: keyless,
  [`${suite}/api/auth_methods/test_cert.py::TestCert::test_login_2`]: keyless,
  [`${suite}/api/auth_methods/test_cert.py::TestCertEnv::test_login_0`]: keyless,
  [`${suite}/api/auth_methods/test_cert.py::TestCertEnv::test_login_1`]: keyless,
  [`${suite}/api/auth_methods/test_cert.py::TestCertEnv::test_login_2`]: keyless,
  [`${aws}_fails_0_invalid_ec2_metadata`]:
    'names metadata of EC2 logins, which are not offered: it is passed over, as fields of no meaning are',
  [`${aws}_fails_1_invalid_iam_metadata`]: words,
  [`${aws}_succeeds_2_valid_iam_metadata_input_2`]: ec2,
  [`${aws}_succeeds_9_valid_combination`]: ec2,
  [`${ldap}_6_update_config_with_non_defaults`]:
    'sets use_token_groups, which is not offered: the answer names the groupfilter that does the same',
  [`${ldap}_7_incorrect_tls_version`]: words,
  [`${oidc}::test_oidc_authorization_url_request_0_success`]:
    'sends people to log in at the issuer of identity tokens, which has no such place: upstream gives an address without a host',
  [`${oidc}::test_oidc_callback_0_success`]:
    'sets verbose_oidc_logging, which is not offered: tokens and claims are not logged',
  [`${system}/test_lease.py`]: leases,
  [`${suite}/v1/test_integration.py::IntegrationTest::test_auth_gcp_alternate_mount_point_with_no_client_token_exception`]:
    'enables the auth method gcp, which is not offered',
  [`${suite}/v1/test_integration.py::IntegrationTest::test_illegal_token`]:
    'compares the words of an older HTTP library of the client: the request is never sent',
  [`${suite}/v1/test_integration.py::IntegrationTest::test_write_with_response`]:
    'the transit engine is not offered yet',
  [`${suite}/v1/test_system_backend.py::TestSystemBackend::test_auth_backend_manipulation`]: github,
  [`${suite}/v1/test_system_backend.py::TestSystemBackend::test_read_lease`]: leases,
};

/**
 * What of the suite is run at all: all of `api/system_backend` (audit, auth, health, init, keys, leases, mounts, namespaces,
 * policies, quotas, snapshots, seal, wrapping) and of `v1`, tokens, and what else is offered. Its other integration tests are about
 * engines and auth methods that are not offered yet, and its unit tests about itself: they ask no server.
 */
export const modules: readonly string[] = [
  `${suite}/api/secrets_engines/test_kv_v1.py`,
  `${suite}/api/secrets_engines/test_kv_v2.py`,
  `${suite}/api/secrets_engines/test_identity.py`,
  `${suite}/api/auth_methods/test_token.py`,
  `${suite}/api/auth_methods/test_approle.py`,
  `${suite}/api/auth_methods/test_aws.py`,
  `${suite}/api/auth_methods/test_cert.py`,
  `${suite}/api/auth_methods/test_jwt.py`,
  `${suite}/api/auth_methods/test_kubernetes.py`,
  `${suite}/api/auth_methods/test_ldap.py`,
  `${suite}/api/auth_methods/test_oidc.py`,
  system,
  `${suite}/v1`,
];
