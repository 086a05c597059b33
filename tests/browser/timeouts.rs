//! Time Out and Expired, with times shortened in the journey file.

use std::time::{Duration, Instant};

use crate::harness::{start_browser, start_demo};

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_qr_code_leads_back_to_the_app() {
    let demo = start_demo(|journey| journey.replace("\"timeout\": 60", "\"timeout\": 15"));
    let browser = start_browser("time-out", 1280, 900).await;
    browser.client.goto(demo.address["url"].as_str().unwrap()).await.unwrap();
    browser.sign_on(&demo).await;
    browser.heading("Get the app").await;
    browser.press("Continue").await;
    browser.heading("Register your phone").await;
    let first = browser.find("a.registration").await.attr("href").await.unwrap().unwrap();
    browser.heading("Get the app").await;
    browser.press("Continue").await;
    browser.heading("Register your phone").await;
    let second = browser.find("a.registration").await.attr("href").await.unwrap().unwrap();
    assert_ne!(first, second, "a new code is offered, the old one is dead");
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_message_is_sent_again_with_another_number_to_tap() {
    let demo = start_demo(|journey| journey.replace("\"messageTimeout\": 120000", "\"messageTimeout\": 30000"));
    let browser = start_browser("expired", 1280, 900).await;
    browser.client.goto(demo.address["url"].as_str().unwrap()).await.unwrap();
    browser.register(&demo).await;
    browser.number().await;
    let mut step = browser.find("input[name=authId]").await.attr("value").await.unwrap().unwrap();
    // The message was sent shortly before its number was seen. The page's wait is held 25 seconds and then asked again.
    let expired = Instant::now() + Duration::from_secs(28);
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        assert!(Instant::now() < until, "the message is not sent again");
        let now = browser.find("input[name=authId]").await.attr("value").await;
        // The page may be replaced between finding the element and reading it.
        if let Ok(Some(now)) = now
            && now != step
        {
            // A step before that still waits for the first message.
            if Instant::now() > expired {
                break;
            }
            step = now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let number = browser.number().await;
    browser.arrived(&number).await;
    browser.press(&number).await;
    browser.heading("Signed in").await;
    browser.client.clone().close().await.unwrap();
}
