import Foundation
import PushAuthenticator
import Testing

/// What exists in the field: recorded messages of another phone SDK, and vaults written by earlier versions, on copies.
@Suite(.timeLimit(.minutes(2))) struct FrozenTests {
    // MARK: tests/vectors/captures

    private static let recordedAt: Int64 = 1_795_539_004

    private func captures() throws -> [[String: Any]] {
        let file = URL(fileURLWithPath: "\(repository)/tests/vectors/captures/legacy-android-sdk.json")
        return try #require(try json(Data(contentsOf: file))["cases"] as? [[String: Any]])
    }

    private func capture(_ name: String) throws -> [String: Any] {
        try #require(try captures().first { $0["case"] as? String == name }, "\(name)")
    }

    private func sent(_ capture: [String: Any]) throws -> (body: String, headers: [String: String]) {
        let sent = try #require((capture["sent"] as? [[String: Any]])?.first)
        return (try #require(sent["body"] as? String), try #require(sent["headers"] as? [String: String]))
    }

    /// The recorded account. Its name at the server is random here, so the recorded messages are re-signed for it.
    private struct Recorded {
        let core: Authenticator
        let secret: Data
        let recordedUid, mechanismUid: String
    }

    private func recorded() throws -> Recorded {
        let register = try capture("register (pushauth, 200 {})")
        let uri = try #require(register["uri"] as? String)
        let secret = try #require((uri.firstMatch(of: /[&?]s=([^&]+)/)?.1).flatMap { Data(base64URL: $0) })
        let pixel = Device(name: "Google Pixel 8", platform: .android, pushToken: "fcm-token-legacy-0123456789", communicationType: .gcm)
        let core = try openCore()
        _ = try core.enrol(code: uri, enrolment: enrolment(pixel), slotWrapper: Finger())
        let request = try #require(try core.due().first)
        let headers = try sent(register).headers
        for name in ["Accept-API-Version", "Cookie"] { #expect(request.headers.contains { $0.name == name && $0.value == headers[name] }) }
        var (ours, theirs) = (try claims(json(request.body)["jwt"], secret: secret), try #require(register["claims"] as? [String: Any]))
        let (mechanismUid, recordedUid) = try (#require(ours["mechanismUid"] as? String), #require(theirs["mechanismUid"] as? String))
        (ours["mechanismUid"], theirs["mechanismUid"]) = (nil, nil)
        #expect(ours as NSDictionary == theirs as NSDictionary)
        let answer = HttpResponse(status: 200, date: date(Self.recordedAt), body: Data("{}".utf8))
        _ = try core.delivered(requestId: request.id, response: answer)
        return Recorded(core: core, secret: secret, recordedUid: recordedUid, mechanismUid: mechanismUid)
    }

    private func receive(_ account: Recorded, _ name: String) throws -> SignOnRequest {
        let capture = try capture(name)
        let parts = try #require(capture["message"] as? String).split(separator: ".")
        let claims = try String(decoding: #require(Data(base64URL: parts[1])), as: UTF8.self)
        let signed = "\(parts[0]).\(encode(claims.replacingOccurrences(of: account.recordedUid, with: account.mechanismUid)))"
        let jwt = signed + "." + OpenSSL.hmac("SHA256", key: account.secret, Data(signed.utf8)).base64URL
        return try account.core.receiveMessage(messageId: #require(capture["messageId"] as? String), jwt: jwt)
    }

    @Test func answersAreTheRecordedBytes() throws {
        let account = try recorded(), core = account.core
        let tap = { (id: String) in try core.approve(notificationId: id, evidence: .tap) }
        let deny = { (id: String) in try core.deny(notificationId: id) }
        let cases: [(String, String, (String) throws -> Void)] = [
            ("message default", "accept", tap), ("message default 2", "deny", deny),
            ("message challenge n=34,43,57", "accept with number 43", { try core.approve(notificationId: $0, evidence: .number(number: "43")) }),
            ("message challenge, denied", "deny a challenge", deny),
            ("message biometric", "accept biometric", { id in
                let slot = Finger.touch(try core.biometricChallenge(notificationId: id))
                try core.approve(notificationId: id, evidence: .biometric(slot: slot))
            }),
            ("message full context", "accept full", tap),
            ("message without i, t, l, k, m", "accept minimal (no cookie in message)", tap),
            ("header without typ", "accept no-typ", tap), ("server says 400", "accept, server 400", tap),
        ]
        for (message, recorded, answer) in cases {
            try answer(receive(account, message).id)
            let request = try #require(try core.due().first)
            let (body, headers) = try sent(capture(recorded))
            #expect(String(decoding: request.body, as: UTF8.self) == body, "\(message)")
            #expect(request.headers.first { $0.name == "Cookie" }?.value == headers["Cookie"], "\(message)")
            _ = try core.delivered(requestId: request.id, response: Recorder.taken)
        }
    }

    @Test func whatTheSDKMistookIsRefusedByName() throws {
        let account = try recorded(), core = account.core
        let challenge = try receive(account, "message challenge, accepted without number")
        #expect(refusal { try core.approve(notificationId: challenge.id, evidence: .tap) } == "number-needed")
        for (name, code) in [
            ("expired (i 10 min ago, t 120)", "expired"), ("unknown push type k=foo", "unknown-push-type"),
            ("challenge c in base64url unpadded", "bad-challenge"),
        ] { #expect(refusal { try receive(account, name) } == code, "\(name)") }
        for name in ["unknown mechanism u", "wrong signature"] {
            let stranger = try capture(name)
            let (id, jwt) = (try #require(stranger["messageId"] as? String), try #require(stranger["message"] as? String))
            #expect(refusal { try core.receiveMessage(messageId: id, jwt: jwt) } == "unknown-credential", "\(name)")
        }
        // The SDK crashes on claims that are numbers.
        #expect(try receive(account, "claims as numbers t=120 i=now").state == .pending)
    }

    @Test func aChangedTokenIsToldWithTheRecordedClaims() throws {
        let account = try recorded(), update = try capture("device token update")
        try account.core.setPushToken(token: "new-fcm-token-9876", communicationType: .gcm)
        let request = try #require(try account.core.due().first)
        var claims = try claims(json(request.body)["jwt"], secret: account.secret)
        claims["iat"] = nil
        let recorded = try #require(update["claims"] as? NSDictionary)
        #expect(claims as NSDictionary == recorded)
        let line = try #require((update["sent"] as? [[String: Any]])?.first?["request"] as? String)
        #expect(request.url == "http://127.0.0.1:19081\(line.split(separator: " ")[1])")
    }

    @Test func everyRecordedRegistrationCodeIsPreviewedOrRefusedByName() throws {
        let (core, cases) = (try openCore(), try captures())
        var seen = 0
        for capture in cases {
            guard let uri = capture["uri"] as? String, let name = capture["case"] as? String else { continue }
            seen += 1
            guard name != "register without c and m" else {
                #expect(refusal { try core.preview(code: uri) } == "missing-parameter")
                continue
            }
            let kinds: [CredentialKind] = uri.hasPrefix("pushauth") ? [.push] : uri.hasPrefix("mfauth") ? [.push, .totp] : [.totp]
            #expect(try core.preview(code: uri).kinds == kinds, "\(name)")
        }
        #expect(seen >= 8)
    }

    // MARK: tests/vectors/vault

    @Test(arguments: 1...5) func aVaultOfAnEarlierVersionLosesNothing(_ version: Int) throws {
        let file = vaultFile()
        try FileManager.default.copyItem(atPath: "\(repository)/tests/vectors/vault/version-\(version).sqlite", toPath: file)
        do {
            let stranger = try openCore(file, keys: TestKeys(Data(count: 32)))
            #expect(try stranger.accounts().allSatisfy { $0.state == .reEnrolmentNeeded })
        }
        let core = try openCore(file)
        core.setDeviceFacts(facts: DeviceFacts(biometricAvailable: true, tamperScore: 0))
        let accounts = try core.accounts()
        let names = ["demo", "ada"] + (version >= 2 ? ["codes"] : []) + (version >= 4 ? ["keyed"] : [])
        #expect(Set(accounts.map(\.account)) == Set(names) && accounts.allSatisfy { $0.state == .active })
        #expect(accounts[0].issuer == "Ping" && accounts[0].policies == ["biometricAvailable"] && accounts[0].hasBiometricSlot)

        // Sealed content can be opened: the slot and its verifier, a one-time password, a key.
        let slot = Finger.touch(try core.biometricSlot(accountId: accounts[0].id))
        try core.rebindBiometric(accountId: accounts[0].id, slot: slot, slotWrapper: Finger())
        #expect(refusal { try core.rebindBiometric(accountId: accounts[0].id, slot: Data(count: slot.count), slotWrapper: Finger()) } != nil)
        let settled = try core.history(limit: 10, offset: 0)
        #expect(Set(settled.map(\.account)).isSubset(of: ["demo", "ada"]) && settled.contains { $0.state == .approved })
        if let codes = accounts.first(where: { $0.account == "codes" }) {
            #expect(codes.displayName == "my codes")
            #expect(try core.code(accountId: codes.id).code == "287082")
        }
        if let keyed = accounts.first(where: { $0.account == "keyed" }) {
            #expect(keyed.key?.isSoftware == true && keyed.key?.level == .software && !keyed.needsSignature)
        }
        let kinds = try core.events(limit: 100).map(\.kind)
        #expect(version < 3 || kinds.contains("decided") && kinds.contains("enrolled"))
    }
}
