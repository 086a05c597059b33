//! The whole story of the shipped journey.

use crate::harness::{start_browser, start_demo};

#[tokio::test(flavor = "multi_thread")]
async fn first_sign_on_then_push_then_recovery_code() {
    let demo = start_demo(|journey| journey);
    let browser = start_browser("story", 1280, 900).await;
    browser.client.goto(demo.address["url"].as_str().unwrap()).await.unwrap();
    browser.heading("Sign In").await;
    browser.picture("sign-in").await;

    // The first sign-on registers the phone; after the tap on the number, the page signs the user in by itself.
    let codes = browser.register(&demo).await;
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 15 && code.matches('-').count() == 2), "{codes:?}");
    let number = browser.number().await;
    browser
        .tap(&number, |offered| offered.iter().find(|each| **each == number).expect("the number is offered").clone())
        .await;
    browser.heading("Signed in").await;
    assert_eq!(browser.text(".user").await, "Demo User");
    browser.picture("signed-in").await;
    browser.press("Sign Out").await;
    browser.heading("Sign In").await;

    // The second sign-on goes straight to the push; *Exit* leads to a recovery code, which works once.
    browser.sign_on(&demo).await;
    browser.number().await;
    browser.press("Exit").await;
    browser.heading("Sign in another way").await;
    browser.picture("recovery-code").await;
    browser.type_into("#IDToken1", &codes[0].to_lowercase()).await;
    browser.press("Next").await;
    browser.heading("Is your phone lost?").await;
    browser.press("I still have my phone").await;
    browser.heading("Signed in").await;
    browser.press("Sign Out").await;

    // Used recovery codes are wrong ones: the first try and three retries, then the sign-on fails.
    browser.sign_on(&demo).await;
    browser.number().await;
    browser.press("Exit").await;
    for _ in 0..4 {
        browser.heading("Sign in another way").await;
        browser.type_into("#IDToken1", &codes[0]).await;
        browser.press("Next").await;
        // Another page with the same heading: wait until the entered text is gone.
        browser.find("input:placeholder-shown, #IDToken1:not([value]), [role=alert]").await;
    }
    browser.heading("Not signed in").await;
    assert_eq!(browser.text("[role=alert]").await, "Too many attempts failed. Sign-on was refused.");
    browser.picture("too-many-attempts").await;
    browser.press("Start again").await;

    // Denied on the phone.
    browser.sign_on(&demo).await;
    let number = browser.number().await;
    browser.arrived(&number).await;
    browser.press("Deny").await;
    browser.heading("Not signed in").await;
    assert_eq!(browser.text("[role=alert]").await, "The sign-on was refused on the phone.");
    browser.press("Start again").await;

    // A wrong number on the phone.
    browser.sign_on(&demo).await;
    let number = browser.number().await;
    browser.tap(&number, |offered| offered.iter().find(|each| **each != number).unwrap().clone()).await;
    browser.heading("Not signed in").await;
    assert_eq!(browser.text("[role=alert]").await, "A wrong number was tapped on the phone.");
    browser.phone().await;
    assert!(browser.text("#message").await.contains("The number does not match."));
    browser.picture("wrong-number").await;

    // A wrong password.
    browser.page().await;
    browser.press("Start again").await;
    browser.heading("Sign In").await;
    browser.type_into("#IDToken1", "demo").await;
    browser.type_into("#IDToken2", "wrong").await;
    browser.press("Next").await;
    browser.heading("Not signed in").await;
    assert_eq!(browser.text("[role=alert]").await, "The user name or the password is wrong.");
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tap_and_biometric_variants() {
    for (push_type, label) in [("DEFAULT", "Approve"), ("BIOMETRIC", "Approve with fingerprint")] {
        let demo = start_demo(|journey| journey.replace("\"CHALLENGE\"", &format!("{push_type:?}")));
        let browser = start_browser("variants", 1280, 900).await;
        browser.client.goto(demo.address["url"].as_str().unwrap()).await.unwrap();
        browser.register(&demo).await;
        browser.heading("Look at your phone").await;
        assert_eq!(browser.count(".number").await, 0);
        browser.phone().await;
        browser.press(label).await;
        browser.heading("Signed in").await;
        browser.client.clone().close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_without_its_biometric_key_cannot_approve_by_biometric() {
    let demo = start_demo(|journey| journey.replace("\"CHALLENGE\"", "\"BIOMETRIC\""));
    let browser = start_browser("no-biometric", 1280, 900).await;
    browser.client.goto(demo.address["url"].as_str().unwrap()).await.unwrap();
    browser.register(&demo).await;
    browser.heading("Look at your phone").await;
    std::fs::remove_file(demo.data.path().join("phone/biometric.key")).unwrap();
    browser.phone().await;
    browser.press("Approve with fingerprint").await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while browser.text("#message").await != "There is no biometric key on this phone." {
        assert!(std::time::Instant::now() < until, "{}", browser.text("#message").await);
    }
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_on_page_fits_a_small_screen() {
    let demo = start_demo(|journey| journey);
    let browser = start_browser("small", 500, 800).await;
    // Chromium does not make a window narrower than 500; a frame of 360 is narrow all the same.
    browser.client.goto(demo.address["url"].as_str().unwrap()).await.unwrap();
    let narrow =
        "const frame = document.querySelector('iframe'); frame.style.flex = 'none'; frame.style.width = '360px';";
    browser.client.execute(narrow, vec![]).await.unwrap();
    browser.sign_on(&demo).await;
    browser.heading("Get the app").await;
    browser.press("Continue").await;
    browser.heading("Register your phone").await;
    let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";
    assert_eq!(browser.client.execute(overflow, vec![]).await.unwrap(), 0);
    browser.picture("qr-code").await;
    browser.client.clone().close().await.unwrap();
}
