//! Signatures (AWS Signature Version 4), against AWS's published test suite and botocore.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use push_authenticator::secret::SecretText;
use push_authenticator::server::push::sns::signature::{AccessKey, Request, Scope, authorization, timestamp};

use crate::fake::Fake;
use crate::support::*;

fn key(id: &str, secret: &str) -> AccessKey {
    AccessKey { id: id.to_owned(), secret: SecretText::new(secret.to_owned()) }
}

/// The cases of AWS's signing test suite that go to `/` without a query, as AWS publishes them in its repository
/// `awslabs/aws-c-auth`, tests/aws-signing-test-suite/v4/<case>/header-signed-request.txt.
#[test]
fn the_published_test_suite() {
    let key = key("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let date = timestamp(1_440_938_160_000);
    assert_eq!(date, "20150830T123600Z");
    let form = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", "13"),
        ("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
    ];
    type Headers = Vec<(&'static str, &'static str)>;
    type Case = (&'static str, &'static str, Headers, &'static str, &'static str, &'static str);
    let cases: [Case; 5] = [
        (
            "post-vanilla",
            "POST",
            vec![],
            "",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "post-header-key-sort",
            "POST",
            vec![("My-Header1", "value1")],
            "",
            "host;my-header1;x-amz-date",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "post-header-value-case",
            "POST",
            vec![("My-Header1", "VALUE1")],
            "",
            "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            "get-header-value-trim",
            "GET",
            vec![("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
            "",
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "post-x-www-form-urlencoded",
            "POST",
            form.to_vec(),
            "Param1=value1",
            "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
    ];
    for (name, method, more, body, signed, signature) in cases {
        let mut headers = vec![("Host", "example.amazonaws.com"), ("X-Amz-Date", date.as_str())];
        headers.extend(more);
        let request = Request { method, headers: &headers, body: body.as_bytes() };
        let scope = Scope { region: "us-east-1", service: "service" };
        assert_eq!(
            authorization(&key, scope, &date, &request),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={signed}, Signature={signature}"
            ),
            "{name}"
        );
    }
}

/// Returns the headers that botocore writes for these HTTP requests.
fn botocore(cases: &[Value]) -> Vec<String> {
    let mut process = python("sign.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(json!(cases).to_string().as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "botocore runs: see tests/run.sh for what it needs");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn botocore_writes_the_same_byte_for_byte() {
    let keys = [
        ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("A", "s"),
        ("AKID", "with spaces, ümlauts, \"quotes\" and 日本語 — longer than a block of SHA-256, which is 64 bytes"),
    ];
    let bodies = [
        "",
        "Action=Publish&Version=2010-03-31&Subject=Login+attempt+from+ada+at+Ping&MessageStructure=json",
        "Message=%7B%22default%22%3A%22a%22%7D&Token=a%3Ab%2B%2F%3D~*%27%28%29%21",
        "raw ümlauts, 日本語, 🦀, \"quotes\", \\, %, +, &=&= and a null \u{0} and a line\r\nbreak",
    ];
    let scopes = [("us-east-1", "sns"), ("cn-northwest-1", "sns"), ("us-gov-west-1", "service")];
    let times = [0, 951_782_399_000, 1_440_938_160_999, 1_893_456_000_000, 4_102_444_799_000];
    let hosts = ["sns.us-east-1.amazonaws.com", "127.0.0.1:5000", "[::1]:8080"];
    let types = ["application/x-www-form-urlencoded; charset=utf-8", "  spaces   all   over ", ""];
    let (mut cases, mut ours) = (Vec::new(), Vec::new());
    for (key_number, (id, secret)) in keys.into_iter().enumerate() {
        for (body_number, body) in bodies.into_iter().enumerate() {
            for (time_number, time) in times.into_iter().enumerate() {
                let pick = key_number + body_number + time_number;
                let (region, service) = scopes[pick % scopes.len()];
                let (host, date) = (hosts[(pick + 1) % hosts.len()], timestamp(time));
                let headers =
                    [("Content-Type", types[(pick + 2) % types.len()]), ("Host", host), ("X-Amz-Date", date.as_str())];
                let request = Request { method: "POST", headers: &headers, body: body.as_bytes() };
                ours.push(authorization(&key(id, secret), Scope { region, service }, &date, &request));
                let named: serde_json::Map<String, Value> =
                    headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                cases.push(json!({"id": id, "secret": secret, "region": region, "service": service,
                    "method": "POST", "headers": named, "body": body}));
            }
        }
    }
    assert_eq!(cases.len(), 60);
    assert_eq!(botocore(&cases), ours);
}

/// The HTTP request as received, with the headers that the HTTP client really sent.
#[test]
fn what_is_sent_carries_the_signature_that_botocore_makes_for_it() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    register(&server, "gcm", "a token: with/odd+characters=&%ü");
    let mut seen = fake.wait_for("CreatePlatformEndpoint", 1);
    seen.extend(fake.wait_for("Publish", 1));
    let signed = ["Content-Type", "Host", "X-Amz-Date"];
    let cases: Vec<Value> = seen
        .iter()
        .map(|seen| {
            let headers: serde_json::Map<String, Value> =
                signed.iter().map(|name| ((*name).to_owned(), json!(seen.header(name)))).collect();
            assert_eq!(seen.header("host"), format!("127.0.0.1:{}", fake.port));
            assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded; charset=utf-8");
            json!({"id": KEY_ID, "secret": KEY_SECRET, "region": "us-west-2", "service": "sns",
                "method": "POST", "headers": headers, "body": seen.body})
        })
        .collect();
    let sent: Vec<&str> = seen.iter().map(|seen| seen.header("authorization")).collect();
    assert_eq!(botocore(&cases), sent);
}

#[test]
fn the_configured_region_takes_the_place_of_the_one_in_the_arns() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS)
        .configure(|settings| settings.push.sns.as_mut().unwrap().region = Some("eu-central-1".to_owned()))
        .start();
    register(&server, "gcm", "token");
    for action in ["CreatePlatformEndpoint", "Publish"] {
        let seen = fake.wait_for(action, 1).remove(0);
        assert!(seen.header("authorization").contains("/eu-central-1/sns/aws4_request"));
    }
}
