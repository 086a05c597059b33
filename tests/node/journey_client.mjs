// A web app built with Ping's journey-client, against the real server: the unmodified npm package
// @forgerock/journey-client finds the realm by the discovery document and runs the shipped journey from the password to
// the session and its end. The phone is the command line's.
//
//   npm ci --prefix tests/node
//   PUSH_AUTHENTICATOR=target/release/push-authenticator node --test tests/node/journey_client.mjs
//
// The tests form one story and run in this order: the first sign-on registers the phone that the others use.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import "./browser_globals.mjs";
import { callbackType, journey } from "@forgerock/journey-client";
import { QRCode } from "@forgerock/journey-client/qr-code";
import { RecoveryCodes } from "@forgerock/journey-client/recovery-codes";
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

describe("Ping's journey-client signs on", { timeout: 180_000 }, () => {
  let login;
  let client;
  let recoveryCodes;

  before(async () => {
    login = await Login.start();
    client = await clientOf("/realms/root/realms/alpha");
  });

  after(() => login?.stop());

  test("the discovery document of each spelling of the realm leads to the journey", async () => {
    for (const realm of ["/realms/root/realms/alpha", "/realms/alpha", "/alpha", ""]) {
      const page = expectStep(await (await clientOf(realm)).start({ journey: JOURNEY }));
      assert.equal(page.getHeader(), "Sign In", realm);
    }
    // The client passes on the server's message.
    await assert.rejects(clientOf("/beta", { log: "none" }), { message: /There is no realm "beta" here\./ });
  });

  test("a journey that is not there is a failure that names it", async () => {
    expectFailure(await client.start({ journey: "Nowhere" }), 'There is no journey "Nowhere".', 400);
  });

  test("the first time: registers a phone, keeps recovery codes, taps the number, signs out", async () => {
    const getApp = expectStep(await passwordEntered(PASSWORD));
    const [text] = getApp.getCallbacksOfType(callbackType.TextOutputCallback);
    assert.match(text.getMessage(), /<a [^>]*href='https:\/\/apps\.apple\.com\/[^>]*>Apple App Store<\/a>/);

    const qrPage = expectStep(await client.next(press(getApp, "Continue")));
    assert.ok(QRCode.isQRCodeStep(qrPage), "the client finds the QR code");
    assert.ok(!RecoveryCodes.isDisplayStep(qrPage), "the client takes no text here for recovery codes");
    const qrCode = QRCode.getQRCodeData(qrPage);
    assert.equal(qrCode.use, "push");
    assert.match(qrCode.uri, /^pushauth:\/\/push\/Ping:ada\?/);
    assert.match(qrCode.message, /^Scan the QR code/);

    const qrPageAgain = expectStep(await poll(qrPage, client.next));
    assert.equal(QRCode.getQRCodeData(qrPageAgain).uri, qrCode.uri, "the code stays while no phone has scanned it");
    const [account, afterScan] = await Promise.all([
      login.phone("scan", qrCode.uri),
      pollToNextPage(qrPageAgain, client.next),
    ]);
    assert.equal(account.account, USER);
    const codesPage = expectStep(afterScan);
    assert.ok(RecoveryCodes.isDisplayStep(codesPage), "the client finds the recovery codes");
    recoveryCodes = RecoveryCodes.getCodes(codesPage);
    assert.equal(new Set(recoveryCodes).size, 10, `ten different codes: ${recoveryCodes}`);
    assert.equal(RecoveryCodes.getDeviceName(codesPage), "Command line phone");

    const wait = expectStep(await client.next(codesPage));
    const number = shownNumber(wait);
    assert.ok(!QRCode.isQRCodeStep(wait), "the client does not take the number for a QR code");
    const polling = wait.getCallbackOfType(callbackType.PollingWaitCallback);
    assert.equal(polling.getWaitTime(), 5000);
    assert.ok(polling.getMessage().includes(`[${number}]`), polling.getMessage());

    const waitAgain = expectStep(await poll(wait, client.next));
    assert.equal(shownNumber(waitAgain), number, "the number stays while the phone has not answered");
    const [, afterTap] = await Promise.all([login.tapOnPhone(number), pollToNextPage(waitAgain, client.next)]);
    await signOut(await login.expectSession(afterTap));
  });

  test("a page that was loaded again goes on with the step that it kept", async () => {
    const wait = expectStep(await passwordEntered(PASSWORD));
    const kept = JSON.stringify(wait.payload);
    await login.tapOnPhone(shownNumber(wait));

    client = await clientOf("/alpha");
    await signOut(await login.expectSession(await client.next({ payload: JSON.parse(kept) })));
  });

  test("what the phone refuses is a failure: denied, or a wrong number", async () => {
    let wait = expectStep(await passwordEntered(PASSWORD));
    const denied = await login.onlyPending();
    const [, afterDenial] = await Promise.all([login.phone("deny", denied.id), pollToNextPage(wait, client.next)]);
    expectFailure(afterDenial, "The sign-on was refused on the phone.");

    wait = expectStep(await passwordEntered(PASSWORD));
    const { id, numbers } = await login.onlyPending();
    const other = numbers.find((number) => number !== shownNumber(wait));
    await assert.rejects(login.phone("approve", id, "--number", other), { message: /The number does not match\./ });
    expectFailure(await pollToNextPage(wait, client.next), "A wrong number was tapped on the phone.");
  });

  test("Exit leads to the recovery codes, and one signs on", async () => {
    const codePage = expectStep(await client.next(press(expectStep(await passwordEntered(PASSWORD)), "Exit")));
    codePage.getCallbackOfType(callbackType.NameCallback).setName(recoveryCodes[0]);
    await signOut(await login.expectSession(await client.next(codePage)));
  });

  test("a wrong password is a failure with code 401", async () => {
    expectFailure(await passwordEntered("wrong horse"), "The user name or the password is wrong.");
  });

  test("an address with a journey starts it, and one that resumes a suspended sign-on fails", async () => {
    const page = new URL("https://app.example.com/login");
    page.searchParams.set("authIndexValue", JOURNEY);
    assert.equal(expectStep(await client.resume(page.href)).getHeader(), "Sign In");

    // No node of this server suspends a sign-on, so the parameter must not start another one instead.
    page.searchParams.set("suspendedId", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln");
    const message = "The parameter suspendedId is not offered here. Name a journey: service=NAME.";
    expectFailure(await client.resume(page.href), message, 400);
  });

  test("without a session there is none to end", async () => {
    const { error, message } = await client.terminate();
    assert.equal(error, "terminate_failed");
    assert.match(message, /401/);
  });

  /** Returns a client that has read the discovery document of the realm in this spelling. */
  function clientOf(realm, options = {}) {
    const wellknown = `${login.baseUrl}oauth2${realm}/.well-known/openid-configuration`;
    return journey({ config: { serverConfig: { wellknown }, ...options } });
  }

  /** Starts a sign-on and answers its first page; returns what follows. */
  async function passwordEntered(password) {
    return client.next(fillSignIn(expectStep(await client.start({ journey: JOURNEY })), password));
  }

  /** Signs out as the client does, by the cookie, and checks that the session of this token is the one that ended. */
  async function signOut(token) {
    assert.equal(await client.terminate(), undefined);
    assert.deepEqual(await login.validated(token), { valid: false });
  }
});
