//! Every hosted page, inspected with a phone on the command line; and what scripts add to them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Browser, Demo, start_browser, start_demo};
use crate::phone::Phone;

impl Browser {
    /// Waits until the page has this first heading.
    async fn title(&self, wanted: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let read = self.client.execute("return document.querySelector('h1')?.textContent", vec![]).await;
            if read.as_ref().is_ok_and(|text| *text == json!(wanted)) {
                return;
            }
            assert!(Instant::now() < until, "the page shows {read:?} and not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn begin(&self, demo: &Demo) {
        self.client.goto(demo.address["sign_on"].as_str().unwrap()).await.unwrap();
        self.title("Sign In").await;
    }

    async fn give_password(&self, demo: &Demo) {
        self.begin(demo).await;
        self.type_into("#IDToken1", "demo").await;
        self.type_into("#IDToken2", demo.address["password"].as_str().unwrap()).await;
        self.press("Next").await;
    }

    async fn open(&self, summary: &str) {
        let path = format!("//summary[starts-with(normalize-space(), '{summary}')]");
        self.client.find(fantoccini::Locator::XPath(&path)).await.unwrap().click().await.unwrap();
    }

    async fn said(&self) -> String {
        self.text("[role=status]").await
    }
}

/// Makes the second factor of all sessions ten minutes old.
fn grow_old(demo: &Demo) {
    let database = rusqlite::Connection::open(demo.data.path().join("server/server.db")).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.execute("UPDATE session SET second_factor_at = second_factor_at - 600000", []).unwrap();
}

fn patient(journey: String) -> String {
    journey
        .replace("\"timeout\": 60", "\"timeout\": 900")
        .replace("\"messageTimeout\": 120000", "\"messageTimeout\": 900000")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_looked_at() {
    let demo = start_demo(patient);
    let browser = start_browser("pages", 1280, 900).await;
    let (first, second) = (Phone::new(), Phone::new());
    browser.begin(&demo).await;
    assert_eq!(browser.style(":focus", "outlineStyle").await, "solid", "what has the focus is seen to have it");
    browser.look_closely("01-sign-in").await;
    browser.type_into("#IDToken1", "demo").await;
    browser.type_into("#IDToken2", "wrong").await;
    browser.press("Next").await;
    browser.title("Not signed in").await;
    browser.look_closely("02-not-signed-in").await;

    // A stranger's phone scans the QR code.
    browser.give_password(&demo).await;
    browser.title("Get the app").await;
    browser.look_closely("03-get-the-app").await;
    browser.press("Continue").await;
    browser.title("Register your phone").await;
    browser.look_closely("04-qr-code").await;
    Phone::new().scan(&browser, "Stranger's phone").await;
    browser.title("Your recovery codes").await;
    assert_eq!(browser.text(".device").await, "Stranger's phone");
    browser.look_closely("05-recovery-codes").await;
    browser.press("This is not my phone").await;
    browser.title("Not signed in").await;
    browser.look_closely("06-not-my-phone").await;
    browser.press("Start again").await;

    // And now the user's own phone.
    browser.give_password(&demo).await;
    browser.title("Get the app").await;
    browser.press("Continue").await;
    browser.title("Register your phone").await;
    first.scan(&browser, "Pixel 9").await;
    browser.title("Your recovery codes").await;
    assert_eq!(browser.text(".device").await, "Pixel 9");
    browser.press("I have kept my codes").await;
    browser.title("Look at your phone").await;
    browser.look_closely("07-waiting").await;
    first.approve(&browser).await;
    browser.title("Signed in").await;
    browser.look_closely("08-signed-in").await;

    // The signed-in page.
    browser.open("Rename").await;
    browser.open("Remove").await;
    browser.look_closely("09-changing-a-phone").await;
    let field = browser.find("#name1").await;
    field.clear().await.unwrap();
    field.send_keys("My work phone").await.unwrap();
    browser.press("Save").await;
    browser.client.wait().for_element(fantoccini::Locator::Css("[role=status]")).await.unwrap();
    assert_eq!(browser.said().await, "The name is saved.");
    assert_eq!(browser.text("h3").await, "My work phone");
    grow_old(&demo);
    browser.press("Add a phone").await;
    browser.title("Confirm that it is you").await;
    browser.look_closely("10-confirm").await;
    browser.press("Send the message").await;
    browser.title("Look at your phone").await;
    browser.look_closely("11-confirm-waiting").await;
    first.approve(&browser).await;
    browser.title("Signed in").await;
    assert!(browser.said().await.starts_with("Confirmed."));
    browser.press("Add a phone").await;
    browser.title("Register your phone").await;
    browser.look_closely("12-add-qr-code").await;
    second.scan(&browser, "An old telephone with a name that is rather long, as names of telephones go").await;
    browser.title("Your recovery codes").await;
    browser
        .client
        .goto(browser.client.current_url().await.unwrap().join("/am/XUI/profile").unwrap().as_str())
        .await
        .unwrap();
    browser.title("Signed in").await;
    assert!(browser.text(".provisional").await.starts_with("Not confirmed yet."));
    browser.look_closely("13-two-phones").await;
    browser.press("Take new codes").await;
    browser.title("Your recovery codes").await;
    let codes = browser.client.execute("return [...document.querySelectorAll('code')].map(c => c.textContent)", vec![]);
    let codes: Vec<String> = serde_json::from_value(codes.await.unwrap()).unwrap();
    browser.look_closely("14-new-codes").await;
    browser.press("I have kept my codes").await;
    browser.title("Signed in").await;
    browser.press("Sign Out").await;

    // The user has lost the phone.
    browser.give_password(&demo).await;
    browser.title("Look at your phone").await;
    browser.press("Exit").await;
    browser.title("Sign in another way").await;
    browser.look_closely("15-recovery-code").await;
    browser.type_into("#IDToken1", "WRONGWRONG").await;
    browser.press("Next").await;
    browser.find("[role=alert]").await;
    browser.look_closely("16-wrong-recovery-code").await;
    browser.type_into("#IDToken1", &codes[0]).await;
    browser.press("Next").await;
    browser.title("Is your phone lost?").await;
    browser.look_closely("17-lost-phone").await;
    for _ in 0..2 {
        browser.open("Remove").await;
        browser.find("details[open] button.bad").await.click().await.unwrap();
        browser.find("[role=status]").await;
        browser.title("Is your phone lost?").await;
        let phones = browser.count(".phones > li").await;
        if phones == 0 {
            break;
        }
        browser
            .client
            .goto(browser.client.current_url().await.unwrap().join("/am/XUI/lost-phone").unwrap().as_str())
            .await
            .unwrap();
    }
    assert_eq!(browser.count(".phones > li").await, 0);
    browser.press("I still have my phone").await;
    browser.title("Signed in").await;
    browser.look_closely("18-no-phones").await;
    grow_old(&demo);
    browser.press("Take new codes").await;
    browser.title("Confirm that it is you").await;
    browser.look_closely("19-confirm-by-sign-on").await;
    let elsewhere = browser.client.current_url().await.unwrap().join("/am/XUI/?realm=/elsewhere").unwrap();
    browser.client.goto(elsewhere.as_str()).await.unwrap();
    browser.title("Not found").await;
    browser.look_closely("20-not-found").await;
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_that_a_sign_on_was_denied_as_somebody_elses() {
    let demo =
        start_demo(|journey| patient(journey).replace("\"bgColor\"", "\"deviceKey\": \"required\", \"bgColor\""));
    let owner = start_browser("denied", 1280, 900).await;
    let phone = Phone::new();
    owner.give_password(&demo).await;
    owner.title("Get the app").await;
    owner.press("Continue").await;
    owner.title("Register your phone").await;
    phone.scan(&owner, "Pixel").await;
    owner.title("Your recovery codes").await;
    owner.press("I have kept my codes").await;
    owner.title("Look at your phone").await;
    phone.approve(&owner).await;
    owner.title("Signed in").await;
    let notices = owner.text(".notices").await;
    assert!(notices.contains("The phone Pixel was added") && notices.contains("Was it not you?"), "{notices}");
    owner.look_closely("22-changes").await;
    owner.press("Dismiss").await;
    owner.title("Signed in").await;
    assert_eq!(owner.count(".notices").await, 0);

    let stranger = start_browser("stranger", 1280, 900).await;
    stranger.give_password(&demo).await;
    stranger.title("Look at your phone").await;
    let pending = phone.verb(&["pending", "--wait", "10"]);
    phone.verb(&["deny", pending[0]["id"].as_str().unwrap(), "--reason", "not-me"]);
    stranger.title("Not signed in").await;
    stranger.client.clone().close().await.unwrap();

    owner.client.refresh().await.unwrap();
    owner.title("Signed in").await;
    let page = owner.text("main").await;
    assert!(page.contains("No sign-on is sent to your phones") && page.contains("A sign-on was denied as not yours."));
    assert!(page.contains("from 127.0.0.1. Their browser: Chrome on Linux."), "{page}");
    assert!(!page.contains("HeadlessChrome"), "its own words are shown on request only: {page}");
    owner.look_closely("21-denied").await;
    owner.open("What the browser says about itself").await;
    assert!(owner.text("main").await.contains("HeadlessChrome"));
    owner.look_closely("22-own-words").await;
    owner.client.clone().close().await.unwrap();

    // While nothing is sent, the page says so, stays as it is, and leads to the recovery code.
    let later = start_browser("not-sent", 1280, 900).await;
    later.give_password(&demo).await;
    later.title("No request was sent to your phone").await;
    let said = later.text("main").await;
    assert!(said.contains("denied on your phone as not yours. No more are sent until"), "{said}");
    assert!(said.contains("in about an hour.") || said.contains("in about 60 minutes."), "{said}");
    assert!(!said.contains("UTC"), "in the reader's own time: {said}");
    later.look_closely("23-not-sent").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(later.text("main").await, said);
    later.press("Exit").await;
    later.title("Sign in another way").await;
    later.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn script_counts_down_and_helps_to_keep_the_codes() {
    let demo = start_demo(|journey| journey);
    let browser = start_browser("script", 1280, 900).await;
    let phone = Phone::new();
    browser.begin(&demo).await;
    assert_eq!(browser.style("button", "transitionDuration").await, "0.12s, 0.12s");
    let still = json!({"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]});
    browser.dev_tools("Emulation.setEmulatedMedia", still).await;
    assert_eq!(browser.style("button", "transitionDuration").await, "0s");
    browser.give_password(&demo).await;
    browser.title("Get the app").await;
    browser.press("Continue").await;
    browser.title("Register your phone").await;
    let seconds = async || -> u32 {
        let text = browser.text("[role=timer]").await;
        let time = text.strip_suffix(" left").unwrap_or_else(|| panic!("{text}"));
        let (minutes, seconds) = time.split_once(':').unwrap();
        minutes.parse::<u32>().unwrap() * 60 + seconds.parse::<u32>().unwrap()
    };
    let begun = seconds().await;
    assert!((1..=60).contains(&begun), "{begun}");
    let until = Instant::now() + Duration::from_secs(20);
    while seconds().await >= begun {
        assert!(Instant::now() < until, "the time stands still");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    phone.scan(&browser, "Pixel").await;

    browser.title("Your recovery codes").await;
    let codes = browser.client.execute("return [...document.querySelectorAll('code')].map(c => c.textContent)", vec![]);
    let codes: Vec<String> = serde_json::from_value(codes.await.unwrap()).unwrap();
    let downloads = tempfile::tempdir().unwrap();
    let allow = json!({"behavior": "allow", "downloadPath": downloads.path()});
    browser.dev_tools("Browser.setDownloadBehavior", allow).await;
    browser.press("Download").await;
    let file = downloads.path().join("recovery-codes.txt");
    let until = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        assert!(Instant::now() < until, "nothing was downloaded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("Recovery codes for Ping. Each is good once.\n\n{}\n", codes.join("\n")));

    let permissions = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    browser.dev_tools("Browser.grantPermissions", permissions).await;
    browser.press("Copy").await;
    let until = Instant::now() + Duration::from_secs(20);
    while browser.text(".told").await != "The codes are in the clipboard." {
        assert!(Instant::now() < until, "{}", browser.text(".told").await);
    }
    let read = "navigator.clipboard.readText().then(arguments[0], (problem) => arguments[0](String(problem)));";
    let copied = browser.client.execute_async(read, vec![]).await.unwrap();
    assert_eq!(copied, json!(format!("{}\n", codes.join("\n"))));

    browser.client.execute("window.print = () => { window.printed = true; };", vec![]).await.unwrap();
    browser.press("Print").await;
    assert_eq!(browser.client.execute("return window.printed;", vec![]).await.unwrap(), json!(true));
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_on_goes_through_without_script() {
    let demo = start_demo(|journey| journey);
    let browser = start_browser("without-script", 1280, 900).await;
    let phone = Phone::new();
    browser.dev_tools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    browser.give_password(&demo).await;
    browser.title("Get the app").await;
    browser.press("Continue").await;
    browser.title("Register your phone").await;
    let time = browser.text("[role=timer]").await;
    assert!(time.starts_with("Good for ") && time.ends_with(" minutes from when this page was opened."), "{time}");
    phone.scan(&browser, "Pixel").await;
    browser.picture("qr-code").await;
    browser.press("Continue").await;
    browser.title("Your recovery codes").await;
    assert!(!browser.find(".tools").await.is_displayed().await.unwrap(), "what needs script is not shown");
    browser.picture("recovery-codes").await;
    browser.press("I have kept my codes").await;
    browser.title("Look at your phone").await;
    browser.picture("waiting").await;
    phone.approve(&browser).await;
    browser.press("Continue").await;
    browser.title("Signed in").await;
    assert!(browser.text("time").await.ends_with(" UTC"));
    browser.open("Remove").await;
    browser.press("Remove this phone: Pixel").await;
    browser.title("Signed in").await;
    assert!(browser.said().await.starts_with("The phone is removed."));
    browser.client.clone().close().await.unwrap();
}
