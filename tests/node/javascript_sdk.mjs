// A web app built with ForgeRock's JavaScript SDK, against the real server: the unmodified npm package
// @forgerock/javascript-sdk runs the shipped journey from the password to the session, with its own helpers for QR
// codes and recovery codes. The phone is the command line's. This shows that pages written for AM can talk to this
// server.
//
//   npm ci --prefix tests/node
//   PUSH_AUTHENTICATOR=target/release/push-authenticator node --test tests/node/javascript_sdk.mjs
//
// The tests form one story and run in this order: the first registers the phone that the others use. They take about
// half a minute: callers of the SDK wait as long as each step says, and the SDK's last timer delays Node's exit.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import vm from "node:vm";

import "./browser_globals.mjs";
import {
  CallbackType,
  Config,
  FRAuth,
  FRQRCode,
  FRRecoveryCodes,
  SessionManager,
} from "@forgerock/javascript-sdk";
import {
  JOURNEY,
  Login,
  PASSWORD,
  USER,
  expectFailure,
  expectStep,
  fillSignIn,
  poll,
  pollToNextPage,
  press,
  shownNumber,
} from "./support.mjs";

describe("ForgeRock's JavaScript SDK signs on", { timeout: 180_000 }, () => {
  let login;
  let recoveryCodes;

  before(async () => {
    login = await Login.start();
    Config.set({
      serverConfig: { baseUrl: login.baseUrl, timeout: 10_000 },
      realmPath: "alpha",
      tree: JOURNEY,
    });
  });

  after(() => login?.stop());

  test("the first time: registers a phone, keeps recovery codes, taps the number, signs out", async () => {
    const getApp = expectStep(await passwordEntered(PASSWORD));
    const [text] = getApp.getCallbacksOfType(CallbackType.TextOutputCallback);
    assert.match(text.getMessage(), /<a [^>]*href='https:\/\/apps\.apple\.com\/[^>]*>Apple App Store<\/a>/);

    const qrPage = expectStep(await FRAuth.next(press(getApp, "Continue")));
    assert.ok(FRQRCode.isQRCodeStep(qrPage), "the SDK finds the QR code");
    assert.ok(!FRRecoveryCodes.isDisplayStep(qrPage), "the SDK takes no text here for recovery codes");
    const qrCode = FRQRCode.getQRCodeData(qrPage);
    assert.equal(qrCode.use, "push");
    assert.match(qrCode.uri, /^pushauth:\/\/push\/Ping:ada\?/);
    assert.match(qrCode.message, /^Scan the QR code/);

    const qrPageAgain = expectStep(await poll(qrPage, FRAuth.next));
    assert.equal(FRQRCode.getQRCodeData(qrPageAgain).uri, qrCode.uri, "the code stays while no phone has scanned it");

    const [account, afterScan] = await Promise.all([
      login.phone("scan", qrCode.uri),
      pollToNextPage(qrPageAgain, FRAuth.next),
    ]);
    assert.equal(account.account, USER);
    const codesPage = expectStep(afterScan);
    assert.ok(FRRecoveryCodes.isDisplayStep(codesPage), "the SDK finds the recovery codes");
    recoveryCodes = FRRecoveryCodes.getCodes(codesPage);
    assert.equal(new Set(recoveryCodes).size, 10, `ten different codes: ${recoveryCodes}`);
    for (const code of recoveryCodes) assert.match(code, /^[A-Z2-9]{13}$/);
    assert.equal(FRRecoveryCodes.getDeviceName(codesPage), "Command line phone");
    const script = codesPage.getCallbackOfType(CallbackType.TextOutputCallback).getMessage();
    assert.deepEqual(shownByScript(script), recoveryCodes, "AM's own page runs the script and shows the codes");
    assert.deepEqual(foundByMobileSdks(script), recoveryCodes);

    const wait = expectStep(await FRAuth.next(codesPage));
    const number = shownNumber(wait);
    assert.match(number, /^[1-9][0-9]$/);
    assert.ok(!FRQRCode.isQRCodeStep(wait), "the SDK does not take the number for a QR code");
    const polling = wait.getCallbackOfType(CallbackType.PollingWaitCallback);
    assert.equal(polling.getWaitTime(), 5000);
    assert.ok(polling.getMessage().includes(`[${number}]`), polling.getMessage());

    const waitAgain = expectStep(await poll(wait, FRAuth.next));
    assert.equal(shownNumber(waitAgain), number, "the number stays while the phone has not answered");

    const [, afterTap] = await Promise.all([login.tapOnPhone(number), pollToNextPage(waitAgain, FRAuth.next)]);
    const token = await login.expectSession(afterTap);
    await signOut(token);
  });

  test("the second time the push comes right after the password, and a refusal on the phone ends it", async () => {
    const wait = expectStep(await passwordEntered(PASSWORD));
    assert.ok(shownNumber(wait));
    const { id } = await login.onlyPending();
    const [, afterDenial] = await Promise.all([login.phone("deny", id), pollToNextPage(wait, FRAuth.next)]);
    expectFailure(afterDenial, "The sign-on was refused on the phone.");
  });

  test("Exit leads to the recovery codes, and each of them works once", async () => {
    assert.ok(recoveryCodes, "the first sign-on gave recovery codes");
    const [code] = recoveryCodes;

    const signedOn = await recoveryCodeEntered(await exitPushWait(), code);
    await signOut(await login.expectSession(signedOn));

    // The shipped journey asks three more times before it gives up.
    let codePage = await exitPushWait();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      codePage = expectStep(await recoveryCodeEntered(codePage, code));
    }
    expectFailure(await recoveryCodeEntered(codePage, code), "Too many attempts failed. Sign-on was refused.");
  });

  test("a wrong password is a failure with code 401", async () => {
    expectFailure(await passwordEntered("wrong horse"), "The user name or the password is wrong.");
  });

  test("configured by the discovery document it signs on and out, too", async () => {
    const wellknown = `${login.baseUrl}oauth2/alpha/.well-known/openid-configuration`;
    await Config.setAsync({ serverConfig: { wellknown, timeout: 10_000 }, realmPath: "alpha", tree: JOURNEY });
    const signedOn = await recoveryCodeEntered(await exitPushWait(), recoveryCodes[1]);
    await signOut(await login.expectSession(signedOn));
  });

  /** Signs out as the SDK does, by the cookie, and checks that the session of this token is the one that ended. */
  async function signOut(token) {
    // The SDK throws only for answers of 500 and above.
    const response = await SessionManager.logout();
    assert.equal(response.status, 200, await response.text());
    assert.deepEqual(await login.validated(token), { valid: false });
  }
});

/** Runs the recovery code script as AM's own sign-in page does; returns the recovery codes that the page then shows. */
function shownByScript(script) {
  const fieldset = { innerHTML: "<button>Continue</button>" };
  const document = { getElementById: (id) => (id === "wrapper" ? { getElementsByTagName: () => [fieldset] } : null) };
  vm.runInNewContext(script, { document });
  assert.ok(!fieldset.innerHTML.includes("NaN"), fieldset.innerHTML);
  assert.ok(fieldset.innerHTML.endsWith("<button>Continue</button>"), "what was there before stays");
  return [...fieldset.innerHTML.matchAll(/<div>\s*(\w+)\s*<\/div>/g)].map(([, code]) => code);
}

/** Returns the recovery codes that ForgeRock's phone SDKs find in the script, by their pattern. */
function foundByMobileSdks(script) {
  return [...script.matchAll(/\s[\w\W]"([\w]*)\\/g)].map(([, code]) => code);
}

/** Starts a sign-on and answers its first page; returns what follows. */
async function passwordEntered(password) {
  return FRAuth.next(fillSignIn(expectStep(await FRAuth.start()), password));
}

/** Takes a sign-on to the push and leaves that page by Exit; returns the page that asks for a recovery code. */
async function exitPushWait() {
  const wait = expectStep(await passwordEntered(PASSWORD));
  return expectStep(await FRAuth.next(press(wait, "Exit")));
}

async function recoveryCodeEntered(page, code) {
  const field = page.getCallbackOfType(CallbackType.NameCallback);
  assert.equal(field.getPrompt(), "Recovery Code");
  field.setName(code);
  return FRAuth.next(page);
}
