import Foundation
import PushAuthenticator
import PushAuthenticatorFFI
import Testing

/// What crosses the boundary and what must not: foreign errors, hostile input, memory, keys that are gone.
@Suite(.timeLimit(.minutes(2))) struct BorderTests {
    private struct KeyStoreExploded: Error {}
    private struct NoFinger: Error {}

    /// Returns the code of the error that `work` fails with because of the platform's keys.
    private func platformError(_ work: () throws -> Any) -> (code: String, explanation: String)? {
        do {
            _ = try work()
        } catch AuthenticatorError.Platform(let code, let explanation) {
            return (code, explanation)
        } catch {
            Issue.record("\(error)")
        }
        return nil
    }

    private func isRefused(_ work: () throws -> Any) -> Bool {
        do {
            _ = try work()
        } catch AuthenticatorError.Refused {
            return true
        } catch {
            Issue.record("\(error)")
        }
        return false
    }

    @Test func anErrorThatKeysDoNotDeclareComesBackTyped() throws {
        let file = vaultFile()
        let thrown = platformError { try openCore(file, keys: Keys(wrap: { _ in throw KeyStoreExploded() })) }
        #expect(thrown?.code == "platform-failure")
        #expect(thrown?.explanation.contains("KeyStoreExploded") == true)
        _ = try openCore(file)
        #expect(platformError { try openCore(file, keys: Keys(unwrap: { _ in throw KeyStoreExploded() })) }?.code == "platform-failure")
        #expect(try openCore(file).accounts() == [])
    }

    @Test func whatKeysDeclareKeepsItsMeaning() throws {
        let file = vaultFile()
        let cases: [(String, Keys)] = [
            ("key-unavailable", Keys(wrap: { _ in throw PlatformKeyError.Unavailable })),
            ("key-refused", Keys(wrap: { _ in throw PlatformKeyError.Invalid })),
            ("key-refused", Keys(unwrap: { _ in Data(count: 5) })),
            ("key-refused", Keys(wrap: { _ in Data(count: 1_000_000) })),
        ]
        for (code, keys) in cases { #expect(platformError { try openCore(file, keys: keys) }?.code == code) }
        _ = try openCore(file)
        let locked = Keys(unwrap: { _ in throw PlatformKeyError.Unavailable })
        #expect(platformError { try openCore(file, keys: locked) }?.code == "key-unavailable")
        _ = try openCore(file)
    }

    @Test func aFailureOfTheGeneratedCodeIsAnErrorThatCallersKnow() async throws {
        let phone = try await openPhone()
        // What the generated code throws if it caught a panic, or cannot read what came across the boundary.
        do {
            _ = try await phone.call { _ in try FfiConverterTypeRemoval_lift(FfiConverterTypeEvidence_lower(.tap)) }
            Issue.record("read")
        } catch AuthenticatorError.Vault(let code, let explanation) {
            #expect(code == "internal-failure" && explanation.hasPrefix("Something went wrong"))
        }
        await #expect(throws: NoFinger.self) { try await phone.call { _ in throw NoFinger() } }
        #expect(try await phone.call { try $0.accounts() } == [], "it can still be used")
    }

    /// The core panics on an argument that nobody could have lowered, and the panic ends at the boundary.
    @Test func aPanicOfTheCoreEndsAtTheBorder() throws {
        let core = try openCore()
        var status = RustCallStatus()
        let nothing = uniffi_push_authenticator_fn_method_authenticator_preview(core.uniffiCloneHandle(), RustBuffer(capacity: 0, len: 1, data: nil), &status)
        #expect(status.code == 2 && nothing.len == 0)
        #expect(try core.accounts() == [])
    }

    @Test func errorsSpeakToAPerson() throws {
        do {
            _ = try openCore().preview(code: "no code")
            Issue.record("taken")
        } catch let error as AuthenticatorError {
            #expect(error.localizedDescription == error.explanation && error.explanation.contains(" "))
            #expect(!error.code.isEmpty && !error.code.contains(" "))
        }
    }

    @Test func aVaultWhoseKeyIsGoneSaysSoAndCanBeBegunAnew() throws {
        let file = vaultFile()
        let account = try Registered(openCore(file)).account.id
        do {
            let core = try openCore(file, keys: TestKeys(Data(count: 32)))
            #expect(try core.accounts().map(\.state) == [.reEnrolmentNeeded])
            #expect(refusal { try core.receiveMessage(messageId: "id", jwt: sign(["u": "x", "c": "x"])) } != nil)
            let enrolling = { try core.enrol(code: registrationCode("ada"), enrolment: enrolment(), slotWrapper: nil) }
            #expect(platformError(enrolling)?.code == "re-enrolment-needed")
            try core.remove(accountId: account)
        }
        let core = try openCore(file, keys: TestKeys(Data(count: 32)))
        _ = try Registered(core)
        #expect(try core.accounts().map(\.state) == [.active])
    }

    @Test func aKeyIsChangedAndOnlyTheNewOneOpensTheVault() throws {
        let file = vaultFile()
        let another = TestKeys(Data(repeating: 1, count: 32))
        do {
            let core = try openCore(file)
            _ = try Registered(core)
            #expect(platformError { try core.rewrap(keys: Keys(wrap: { _ in throw KeyStoreExploded() })) }?.code == "platform-failure")
            try core.rewrap(keys: another)
        }
        #expect(try openCore(file).accounts().map(\.state) == [.reEnrolmentNeeded])
        #expect(try openCore(file, keys: another).accounts().map(\.state) == [.active])
    }

    @Test func filesThatAreNoVaultAreRefusedAndLeftAsTheyAre() throws {
        let file = vaultFile()
        let content = Data(String(repeating: "no database, and rather long", count: 100).utf8)
        try content.write(to: URL(fileURLWithPath: file))
        #expect(refusal { try openCore(file) } == "vault-damaged")
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == content)
        #expect(refusal { try openCore(folder().path + "/no/such/folder") } == "vault-not-writable")
        #expect(refusal { try openCore("vault\0") } != nil)
    }

    @Test func aSlotThatCannotBeWrappedAddsNothingNorDoesAPolicyThatIsNotMet() throws {
        final class Broken: SlotWrapper { func wrap(slot: Data) throws -> Data { throw NoFinger() } }
        final class Gone: SlotWrapper { func wrap(slot: Data) throws -> Data { throw PlatformKeyError.Invalid } }
        let core = try openCore()
        let thrown = platformError { try core.enrol(code: registrationCode(), enrolment: enrolment(), slotWrapper: Broken()) }
        #expect(thrown?.code == "platform-failure" && thrown?.explanation.contains("NoFinger") == true)
        let gone = platformError { try core.enrol(code: registrationCode(), enrolment: enrolment(), slotWrapper: Gone()) }
        #expect(gone?.code == "biometric-invalid")
        let guarded = registrationCode(more: "&policies=\(encode(#"{"biometricAvailable":{}}"#))")
        let without = enrolment(facts: DeviceFacts(biometricAvailable: false, tamperScore: 0))
        #expect(refusal { try core.enrol(code: guarded, enrolment: without, slotWrapper: nil) } == "policy-unmet")
        #expect(try core.accounts() == [])
        #expect(try core.enrol(code: registrationCode(), enrolment: enrolment(), slotWrapper: Finger()).hasBiometricSlot)
    }

    @Test func aLogThatThrowsDisturbsNobodyAndOneThatCallsBackIsAnswered() throws {
        let file = vaultFile()
        _ = try Registered(openCore(file, log: Sink { _, _ in throw KeyStoreExploded() }))
        let (core, seen) = (Box<Authenticator?>(nil), Box<[String]>([]))
        let sink = Sink { level, line in
            let count = try core.value?.accounts().count ?? -1
            seen.change { $0.append("\(level) \(line) \(count)") }
        }
        let opened = try openCore(file, log: sink)
        core.change { $0 = opened }
        let account = try #require(try opened.accounts().first).id
        #expect(refusal { try opened.receiveMessage(messageId: "id", jwt: sign(["u": "x"])) } == "unknown-credential")
        try opened.remove(accountId: account)
        #expect(seen.value == ["warning message-refused detail=unknown-credential 1", "information removed account=\(account) 0"])
        core.change { $0 = nil }
    }

    struct Oversized: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let call: @Sendable (Authenticator) throws -> Any
        init(_ name: String, _ call: @escaping @Sendable (Authenticator) throws -> Any) { (testDescription, self.call) = (name, call) }
    }

    private static let long = String(repeating: "x", count: 1_000_000)

    private static func typed(_ issuer: String, _ account: String, _ secret: String) -> ManualEntry {
        let settings = CodeSettings(algorithm: .sha1, digits: 6, moving: .time(periodSeconds: 30))
        return ManualEntry(issuer: issuer, account: account, secret: secret, settings: settings)
    }

    private static func pull(_ url: String, _ headers: [HttpHeader] = []) -> PullRequest {
        PullRequest(accountId: "id", url: url, headers: headers, body: Data(), marker: 0)
    }

    private static let response = HttpResponse(status: 200, date: nil, body: Data())

    private static let keyedCode = registrationCode(more: "&v=2")

    private static func described(jwk: String? = nil) -> DeviceKey {
        jwk.map { DeviceKey(jwk: $0, level: .tee, presence: .none) } ?? Chip().key()
    }

    private static func signed(_ bytes: Int, _ signature: Int = 64) -> Signed {
        ToSign(bytes: Data(count: bytes)).signed(raw: Data(count: signature))
    }

    private static func chosen(_ key: DeviceKey, _ signed: Signed) -> Enrolment { enrolment(key: .hardware(key: key, signed: signed)) }

    static let oversized: [Oversized] = [
        Oversized("path") { _ in try openCore(long) },
        Oversized("preview") { try $0.preview(code: long) },
        Oversized("enrol") { try $0.enrol(code: long, enrolment: enrolment(), slotWrapper: nil) },
        Oversized("typed issuer") { try $0.previewEntry(entry: typed(long, "a", "GEZDGNBVGY3TQOJQ")) },
        Oversized("typed account") { try $0.previewEntry(entry: typed("a", long, "GEZDGNBVGY3TQOJQ")) },
        Oversized("typed secret") { try $0.previewEntry(entry: typed("a", "a", long)) },
        Oversized("device name") { try $0.enrol(code: registrationCode(), enrolment: enrolment(device(name: long)), slotWrapper: nil) },
        Oversized("device token") { try $0.enrol(code: registrationCode(), enrolment: enrolment(device(token: long)), slotWrapper: nil) },
        Oversized("rename") { try $0.rename(accountId: "id", issuer: long, name: nil) },
        Oversized("code") { try $0.code(accountId: long) },
        Oversized("removal") { try $0.removal(accountId: long) },
        Oversized("remove") { try $0.remove(accountId: long) },
        Oversized("receive") { try $0.receive(payload: Data(count: 10_000_000)) },
        Oversized("pull account") { try $0.pullAccount(accountId: long, waitSeconds: 0) },
        Oversized("signature") {
            let signed = Signed(bytes: Data(), signature: .fixed(bytes: Data(count: 1000)))
            return try $0.pullSigned(accountId: "id", waitSeconds: 0, signature: signed)
        },
        Oversized("receive message") { try $0.receiveMessage(messageId: "id", jwt: long) },
        Oversized("receive id") { try $0.receiveMessage(messageId: long, jwt: "jwt") },
        Oversized("notification") { try $0.notification(id: long) },
        Oversized("biometric challenge") { try $0.biometricChallenge(notificationId: long) },
        Oversized("key to register") { try $0.registrationToSign(code: keyedCode, key: described(jwk: long)) },
        Oversized("code to register") { try $0.registrationToSign(code: long, key: described()) },
        Oversized("key to vouch for") { try $0.appAttestClientDataHash(code: keyedCode, jwk: long) },
        Oversized("code to vouch for") { try $0.appAttestClientDataHash(code: long, jwk: described().jwk) },
        Oversized("certificate") { try $0.registrationToSign(code: keyedCode, key: Chip().key(attestation: [Data(count: 1_000_000)])) },
        Oversized("certificates") {
            try $0.registrationToSign(code: keyedCode, key: Chip().key(attestation: Array(repeating: Data(), count: 10_000)))
        },
        Oversized("chosen key") { try $0.enrol(code: keyedCode, enrolment: chosen(described(jwk: long), signed(10)), slotWrapper: nil) },
        Oversized("chosen key's bytes") { try $0.enrol(code: keyedCode, enrolment: chosen(described(), signed(1_000_000)), slotWrapper: nil) },
        Oversized("chosen key's signature") {
            try $0.enrol(code: keyedCode, enrolment: chosen(described(), signed(10, 1_000_000)), slotWrapper: nil)
        },
        Oversized("approval to sign") { try $0.approvalToSign(notificationId: long, number: nil) },
        Oversized("number to sign") { try $0.approvalToSign(notificationId: "id", number: long) },
        Oversized("denial to sign") { try $0.denialToSign(notificationId: long, reason: nil) },
        Oversized("signed approval") { try $0.approveSigned(notificationId: long, evidence: .tap, signedAnswer: signed(10)) },
        Oversized("signed approval's bytes") { try $0.approveSigned(notificationId: "id", evidence: .tap, signedAnswer: signed(1_000_000)) },
        Oversized("signed denial") { try $0.denySigned(notificationId: long, reason: nil, signedAnswer: signed(10)) },
        Oversized("signed denial's signature") {
            try $0.denySigned(notificationId: "id", reason: .other, signedAnswer: signed(10, 1_000_000))
        },
        Oversized("denial for a reason") { try $0.denyFor(notificationId: long, reason: .notMe) },
        Oversized("key invalidated") { try $0.deviceKeyInvalidated(accountId: long) },
        Oversized("approve") { try $0.approve(notificationId: long, evidence: .tap) },
        Oversized("number") { try $0.approve(notificationId: "id", evidence: .number(number: long)) },
        Oversized("slot") { try $0.approve(notificationId: "id", evidence: .biometric(slot: Data(count: 1_000_000))) },
        Oversized("deny") { try $0.deny(notificationId: long) },
        Oversized("delivered") { try $0.delivered(requestId: long, response: response) },
        Oversized("failed") { try $0.failed(requestId: long, failure: .notSent) },
        Oversized("token") { try $0.setPushToken(token: long, communicationType: .apns) },
        Oversized("biometric slot") { try $0.biometricSlot(accountId: long) },
        Oversized("rebind") { try $0.rebindBiometric(accountId: "id", slot: Data(count: 1_000_000), slotWrapper: Finger()) },
        Oversized("invalidated") { try $0.biometricInvalidated(accountId: long) },
        Oversized("pulled") { try $0.pulled(pull: pull(long), response: response) },
        Oversized("pulled headers") {
            try $0.pulled(pull: pull("u", Array(repeating: HttpHeader(name: "name", value: "value"), count: 10_000)), response: response)
        },
    ]

    @Test(arguments: oversized) func oversizedInputIsRefusedAtTheBorder(_ input: Oversized) throws {
        let core = try openCore()
        #expect(refusal { try input.call(core) } == "input-too-large")
    }

    @Test func hostileInputEndsInATypedError() throws {
        let core = try openCore()
        let odd = ["", "\0", "pushauth://", "otpauth://totp/?secret=\u{202e}", String(repeating: "💥", count: 100), "%ff%fe", "'; DROP TABLE account; --"]
        for text in odd {
            let answer = HttpResponse(status: 200, date: text, body: Data(text.utf8))
            let calls: [() throws -> Any] = [
                { try core.preview(code: text) }, { try core.receive(payload: Data(text.utf8)) },
                { try core.receiveMessage(messageId: text, jwt: text) }, { try core.code(accountId: text) },
                { try core.removal(accountId: text) }, { try core.remove(accountId: text) },
                { try core.notification(id: text) }, { try core.deny(notificationId: text) },
                { try core.biometricSlot(accountId: text) }, { try core.delivered(requestId: text, response: answer) },
            ]
            for call in calls {
                #expect(isRefused(call), "\(text)")
            }
        }
        for (digits, moving) in [
            (0, .time(periodSeconds: 30)), (255, .time(periodSeconds: 30)), (6, .time(periodSeconds: 0)), (6, .time(periodSeconds: .max)),
            (6, .counter(next: .max)),
        ] as [(UInt8, CodeMoving)] {
            let settings = CodeSettings(algorithm: .sha1, digits: digits, moving: moving)
            let entry = ManualEntry(issuer: "a", account: "b", secret: "GEZDGNBVGY3TQOJQ", settings: settings)
            #expect(refusal { try core.previewEntry(entry: entry) } != nil)
        }
        let policies = encode(#"{"deviceTampering":{"score":0.8}}"#)
        for score in [Double.nan, .infinity] {
            let facts = enrolment(facts: DeviceFacts(biometricAvailable: true, tamperScore: score))
            let code = registrationCode(more: "&policies=\(policies)")
            #expect(refusal { try core.enrol(code: code, enrolment: facts, slotWrapper: nil) } == "policy-unmet")
        }
        #expect(try core.accounts() == [] && core.events(limit: 0) == [] && core.history(limit: .max, offset: .max) == [])
    }

    @Test func anAnswerThatIsTooLargeIsCutAndItsStatusCounts() throws {
        let core = try openCore()
        let account = try core.enrol(code: registrationCode(), enrolment: enrolment(), slotWrapper: nil)
        let request = try #require(try core.due().first)
        let delivery = try core.delivered(requestId: request.id, response: HttpResponse(status: 200, date: Self.long, body: Data(count: 10_000_000)))
        #expect(delivery == .done(outcome: .accountActive(accountId: account.id)))
    }

    @Test func secretsAreNotPrinted() throws {
        let core = try openCore()
        let entry = Self.typed("Acme", "demo", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        let code = try core.code(accountId: core.enrolEntry(entry: entry, enrolment: enrolment()).id)
        let ownDevice = device(token: "token-of-this-phone")
        let values: [Any] = [
            entry, code, code.validity, Evidence.number(number: "number-43"), Evidence.biometric(slot: Data([99, 99, 99])), ownDevice,
            enrolment(ownDevice),
        ]
        guard case .timed(_, _, let next) = code.validity else {
            Issue.record("\(code)")
            return
        }
        let printed = values.flatMap { [String(describing: $0), String(reflecting: $0)] }.joined(separator: "\n")
        for secret in ["GEZDGNBV", code.code, next, "number-43", "token-of-this-phone"] {
            #expect(!printed.contains(secret), "\(secret) in \(printed)")
        }
        #expect(printed.contains("Acme") && printed.contains("Swift on Linux"))
        let toSign = try core.registrationToSign(code: Self.keyedCode, key: Chip().key())
        #expect(String(describing: toSign) == "ToSign { .. }" && String(reflecting: Chip().sign(toSign)) == "Signed { .. }")
    }

    private final class Held: LogSink {
        func log(level: LogLevel, line: String) {}
    }

    @Test func whatIsForgottenIsFreedOnBothSides() throws {
        // The core holds the sink as long as it lives: once the sink is gone, so is the core that held it.
        weak var sink: Held?
        weak var keys: TestKeys?
        weak var core: Authenticator?
        do {
            let (kept, opening) = (Held(), TestKeys())
            let opened = try openCore(keys: opening, log: kept)
            (sink, keys, core) = (kept, opening, opened)
            for _ in 0..<1000 { _ = try opened.preview(code: registrationCode()) }
        }
        #expect(sink == nil && keys == nil && core == nil)
        let kept = try openCore(log: { let held = Held(); sink = held; return held }())
        #expect(sink != nil, "an open core holds its log")
        #expect(try kept.accounts() == [])
    }

    @Test func closingTwiceDoesNothingAndAClosedPhoneRefusesEveryCall() async throws {
        weak var held: Held?
        let phone = try await openPhone(log: { let log = Held(); held = log; return log }())
        phone.close()
        phone.close()
        #expect(held == nil, "closing frees the core")
        await #expect(throws: PhoneClosed()) { try await phone.call { try $0.accounts() } }
        await #expect(throws: PhoneClosed()) { try await Courier(phone, transport: Recorder()).deliver() }
        await #expect(throws: PhoneClosed()) { try await Courier(phone, transport: Recorder()).run() }
        phone.refresh()
        for try await accounts in phone.accounts { Issue.record("\(accounts)") }
    }

    @Test func closingWhileCallsRunLetsThemEndAndTakesNoMore() async throws {
        for _ in 0..<20 {
            let phone = try await openPhone()
            let calls = Box(0)
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        do {
                            while true {
                                guard try await phone.call({ try $0.accounts() }) == [] else { return false }
                                calls.change { $0 += 1 }
                            }
                        } catch {
                            return error is PhoneClosed
                        }
                    }
                }
                #expect(await eventually { calls.value > 8 })
                phone.close()
                for await closed in group { #expect(closed) }
            }
        }
    }

    @Test func twoCoresShareAVault() throws {
        let file = vaultFile()
        let (one, two) = (try openCore(file), try openCore(file))
        let account = try Registered(one).account
        #expect(try two.accounts().map(\.id) == [account.id])
        try two.remove(accountId: account.id)
        #expect(refusal { try one.rename(accountId: account.id, issuer: "x", name: nil) } == "account-not-found")
    }
}
