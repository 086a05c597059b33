// A web app built with ForgeRock's JavaScript SDK, against the real server: the npm package @forgerock/javascript-sdk,
// unmodified, runs the shipped journey from the password to the session, with its own helpers for QR codes and recovery
// codes. The phone is the command line's. It shows that pages written for AM can talk to this server.
//
//   npm ci --prefix tests/node
//   PUSH_AUTHENTICATOR=target/release/push-authenticator node --test tests/node/javascript_sdk.mjs
//
// The tests are one story and run in this order: the first registers the phone that the others use. It takes about
// half a minute: callers of the SDK wait as long as each step says, and the SDK's last timer holds Node up at the end.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import vm from "node:vm";

import "./browser_globals.mjs";
import {
  CallbackType,
  Config,
  FRAuth,
  FRQRCode,
  FRRecoveryCodes,
  SessionManager,
  StepType,
} from "@forgerock/javascript-sdk";

if (!process.env.PUSH_AUTHENTICATOR) {
  throw new Error("Set PUSH_AUTHENTICATOR to the path of the push-authenticator program that is to be tested.");
}
const PROGRAM = path.resolve(process.env.PUSH_AUTHENTICATOR);
const USER = "ada";
const PASSWORD = "correct horse";

describe("ForgeRock's JavaScript SDK signs on", { timeout: 180_000 }, () => {
  let folder;
  let server;
  let baseUrl;
  let recoveryCodes;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "push-authenticator-sdk-"));
    const configuration = path.join(folder, "login", "server.toml");
    await run(["init", path.dirname(configuration)]);
    await run(["user", "add", USER, "--password-stdin", "--config", configuration], PASSWORD);
    server = spawn(PROGRAM, ["--json", "serve", "--listen", "127.0.0.1:0", "--config", configuration], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    baseUrl = `http://${await listeningAddress(server)}/am/`;
    Config.set({
      serverConfig: { baseUrl, timeout: 10_000 },
      realmPath: "alpha",
      tree: "Login with Push MFA",
    });
  });

  after(async () => {
    try {
      if (server) await stop(server);
    } finally {
      if (folder) await rm(folder, { recursive: true, force: true });
    }
  });

  test("the first time: registers a phone, keeps recovery codes, taps the number, signs out", async () => {
    const getApp = expectStep(await passwordEntered(PASSWORD));
    const [text] = getApp.getCallbacksOfType(CallbackType.TextOutputCallback);
    assert.match(text.getMessage(), /<a [^>]*href='https:\/\/apps\.apple\.com\/[^>]*>Apple App Store<\/a>/);
    const button = getApp.getCallbackOfType(CallbackType.ConfirmationCallback);
    assert.deepEqual(button.getOptions(), ["Continue"]);
    button.setOptionIndex(0);

    const qrPage = expectStep(await FRAuth.next(getApp));
    assert.ok(FRQRCode.isQRCodeStep(qrPage), "the SDK finds the QR code");
    assert.ok(!FRRecoveryCodes.isDisplayStep(qrPage), "the SDK takes no text here for recovery codes");
    const qrCode = FRQRCode.getQRCodeData(qrPage);
    assert.equal(qrCode.use, "push");
    assert.match(qrCode.uri, /^pushauth:\/\/push\/Ping:ada\?/);
    assert.match(qrCode.message, /^Scan the QR code/);

    const qrPageAgain = expectStep(await poll(qrPage));
    assert.equal(FRQRCode.getQRCodeData(qrPageAgain).uri, qrCode.uri, "the code stays while no phone has scanned it");

    const [account, afterScan] = await Promise.all([phone("scan", qrCode.uri), pollToNextPage(qrPageAgain)]);
    assert.equal(account.account, USER);
    const codesPage = expectStep(afterScan);
    assert.ok(FRRecoveryCodes.isDisplayStep(codesPage), "the SDK finds the recovery codes");
    recoveryCodes = FRRecoveryCodes.getCodes(codesPage);
    assert.equal(new Set(recoveryCodes).size, 10, `ten different codes: ${recoveryCodes}`);
    for (const code of recoveryCodes) assert.match(code, /^[A-Z2-9]{13}$/);
    const [script] = codesPage.getCallbacksOfType(CallbackType.TextOutputCallback).map((callback) => callback.getMessage());
    assert.deepEqual(shownByScript(script), recoveryCodes, "AM's own page runs the script and shows the codes");
    assert.deepEqual(foundByMobileSdks(script), recoveryCodes);

    const wait = expectStep(await FRAuth.next(codesPage));
    const number = shownNumber(wait);
    assert.match(number, /^[1-9][0-9]$/);
    assert.ok(!FRQRCode.isQRCodeStep(wait), "the SDK does not take the number for a QR code");
    const polling = wait.getCallbackOfType(CallbackType.PollingWaitCallback);
    assert.equal(polling.getWaitTime(), 5000);
    assert.ok(polling.getMessage().includes(`[${number}]`), polling.getMessage());

    const waitAgain = expectStep(await poll(wait));
    assert.equal(shownNumber(waitAgain), number, "the number stays while the phone has not answered");

    const [, afterTap] = await Promise.all([tapOnPhone(number), pollToNextPage(waitAgain)]);
    const token = await expectSession(afterTap);
    await signOut(token);
  });

  test("the second time the push comes right after the password, and a refusal on the phone ends it", async () => {
    const wait = expectStep(await passwordEntered(PASSWORD));
    assert.ok(shownNumber(wait));
    const { id } = await onlyPending();
    const [, afterDenial] = await Promise.all([phone("deny", id), pollToNextPage(wait)]);
    expectFailure(afterDenial, "The sign-on was refused on the phone.");
  });

  test("Exit leads to the recovery codes, and each of them works once", async () => {
    assert.ok(recoveryCodes, "the first sign-on gave recovery codes");
    const [code] = recoveryCodes;

    const signedOn = await recoveryCodeEntered(await exitPushWait(), code);
    await signOut(await expectSession(signedOn));

    // The shipped journey asks three times more before it gives up.
    let codePage = await exitPushWait();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      codePage = expectStep(await recoveryCodeEntered(codePage, code));
    }
    expectFailure(await recoveryCodeEntered(codePage, code), "Too many attempts failed. Sign-on was refused.");
  });

  test("a wrong password is a failure with code 401", async () => {
    expectFailure(await passwordEntered("wrong horse"), "The user name or the password is wrong.");
  });

  /** A verb of the phone: what it printed as JSON. */
  async function phone(...verb) {
    return JSON.parse(await run(["--json", "phone", "--vault", path.join(folder, "phone"), ...verb]));
  }

  /** The one message that waits on the phone. */
  async function onlyPending() {
    const pending = await phone("pending", "--wait", "10");
    assert.equal(pending.length, 1, JSON.stringify(pending));
    return pending[0];
  }

  async function tapOnPhone(number) {
    const { id, numbers } = await onlyPending();
    assert.ok(numbers.includes(number), `the browser's number ${number} is among the phone's: ${numbers}`);
    await phone("approve", id, "--number", number);
  }

  /** Checks that the sign-on ended with a live session; gives its token. */
  async function expectSession(result) {
    assert.equal(result.type, StepType.LoginSuccess, JSON.stringify(result.payload));
    assert.equal(result.getRealm(), "/alpha");
    const token = result.getSessionToken();
    assert.deepEqual(await validated(token), { valid: true, uid: USER, realm: "/alpha" });
    return token;
  }

  /** Signs out as the SDK does, by the cookie, and checks that the session of this token is the one that ended. */
  async function signOut(token) {
    // The SDK throws at answers of 500 and above only.
    const response = await SessionManager.logout();
    assert.equal(response.status, 200, await response.text());
    assert.deepEqual(await validated(token), { valid: false });
  }

  /** What the server says of a session token. The SDK has no call for that. */
  async function validated(token) {
    const response = await fetch(`${baseUrl}json/realms/root/realms/alpha/sessions/?_action=validate`, {
      method: "POST",
      headers: { iPlanetDirectoryPro: token, "Accept-API-Version": "protocol=1.0,resource=2.0" },
    });
    return response.json();
  }
});

/** Runs the script of the recovery codes as AM's own sign-in page does; gives the codes that the page shows then. */
function shownByScript(script) {
  const fieldset = { innerHTML: "<button>Continue</button>" };
  const document = { getElementById: (id) => (id === "wrapper" ? { getElementsByTagName: () => [fieldset] } : null) };
  vm.runInNewContext(script, { document });
  assert.ok(!fieldset.innerHTML.includes("NaN"), fieldset.innerHTML);
  assert.ok(fieldset.innerHTML.endsWith("<button>Continue</button>"), "what was there before stays");
  return [...fieldset.innerHTML.matchAll(/<div>\s*(\w+)\s*<\/div>/g)].map(([, code]) => code);
}

/** The codes that ForgeRock's SDKs for phones find in the script, by their pattern. */
function foundByMobileSdks(script) {
  return [...script.matchAll(/\s[\w\W]"([\w]*)\\/g)].map(([, code]) => code);
}

/** Starts a sign-on and answers its first page; gives what comes after it. */
async function passwordEntered(password) {
  const page = expectStep(await FRAuth.start());
  assert.equal(page.getHeader(), "Sign In");
  page.getCallbackOfType(CallbackType.NameCallback).setName(USER);
  page.getCallbackOfType(CallbackType.PasswordCallback).setPassword(password);
  return FRAuth.next(page);
}

/** Signs on up to the push and leaves its page by Exit; gives the page that asks for a recovery code. */
async function exitPushWait() {
  const wait = expectStep(await passwordEntered(PASSWORD));
  const button = wait.getCallbackOfType(CallbackType.ConfirmationCallback);
  assert.deepEqual(button.getOptions(), ["Exit"]);
  button.setOptionIndex(0);
  return expectStep(await FRAuth.next(wait));
}

async function recoveryCodeEntered(page, code) {
  const field = page.getCallbackOfType(CallbackType.NameCallback);
  assert.equal(field.getPrompt(), "Recovery Code");
  field.setName(code);
  return FRAuth.next(page);
}

/** Waits as long as the step says and posts it, once. */
async function poll(step) {
  await sleep(step.getCallbackOfType(CallbackType.PollingWaitCallback).getWaitTime());
  return FRAuth.next(step);
}

/** Polls until what comes is no longer a page that waits. */
async function pollToNextPage(step) {
  let next = step;
  do next = await poll(next);
  while (next.type === StepType.Step && next.getCallbacksOfType(CallbackType.PollingWaitCallback).length > 0);
  return next;
}

/** The number that a page of the push shows. */
function shownNumber(step) {
  const hidden = step.getCallbackOfType(CallbackType.HiddenValueCallback);
  assert.equal(hidden.getOutputByName("id"), "pushChallengeNumber");
  return hidden.getOutputByName("value");
}

function expectStep(result) {
  assert.equal(result.type, StepType.Step, JSON.stringify(result.payload));
  return result;
}

function expectFailure(result, message) {
  assert.equal(result.type, StepType.LoginFailure, JSON.stringify(result.payload));
  assert.equal(result.getCode(), 401);
  assert.equal(result.getMessage(), message);
}

/** Runs the program to its end; gives its standard output. */
async function run(args, input = "") {
  const running = promisify(execFile)(PROGRAM, args, { timeout: 30_000 });
  // A program that ends before it has read all says itself why.
  running.child.stdin.on("error", () => {});
  running.child.stdin.end(input);
  try {
    return (await running).stdout;
  } catch (failure) {
    // With --json the program's error is on standard output, which Node leaves out of its message.
    throw new Error(`${failure.message}${failure.stdout}`);
  }
}

/** The address that the server prints when it listens. */
async function listeningAddress(server) {
  // Standard output ends without a line where the server could not start.
  for await (const line of createInterface({ input: server.stdout })) return JSON.parse(line).listening;
  throw new Error("The server ended before it listened.");
}

async function stop(server) {
  if (server.exitCode === null && server.signalCode === null) {
    const exit = once(server, "exit");
    server.kill("SIGTERM");
    await exit;
  }
  assert.equal(server.exitCode, 0, "the server ends cleanly");
}
