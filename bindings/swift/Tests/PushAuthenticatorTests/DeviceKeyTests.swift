import Foundation
import PushAuthenticator
import Testing

/// Accounts with their own signing key. The hardware key is a P-256 pair of the system's OpenSSL (libcrypto), which
/// signs outside of the core and checks the proofs; there is no Secure Enclave here.
@Suite struct DeviceKeyTests {
    private static let code = registrationCode(more: "&v=2")

    /// An account with a hardware key.
    private final class Keyed {
        let core: Authenticator
        let chip = Chip()
        let server: Registered
        private var number = 0

        init(_ presence: UserPresence = .device) throws {
            core = try openCore()
            server = try Registered(core, DeviceKeyTests.code, key: chip.choice(core, DeviceKeyTests.code, presence))
        }

        func ask(_ claims: [String: String] = ["k": "challenge", "n": "34,43,57"]) throws -> SignOnRequest {
            number += 1
            return try core.receiveMessage(messageId: "message-\(number)", jwt: server.message(number, claims))
        }

        func approval(_ request: SignOnRequest, _ number: String? = "43") throws -> ToSign {
            try core.approvalToSign(notificationId: request.id, number: number)
        }

        func approve(_ request: SignOnRequest, _ signed: Signed, _ evidence: Evidence = .number(number: "43")) throws {
            try core.approveSigned(notificationId: request.id, evidence: evidence, signedAnswer: signed)
        }
    }

    /// r and s in DER.
    private func der(_ raw: Data) -> Data {
        func integer(_ bytes: Data) -> Data {
            var bytes = Data(bytes.drop { $0 == 0 })
            if bytes.first.map({ $0 >= 0x80 }) ?? true { bytes = [0] + bytes }
            return [2, UInt8(bytes.count)] + bytes
        }
        let content = integer(raw.prefix(32)) + integer(raw.suffix(32))
        return [0x30, UInt8(content.count)] + content
    }

    /// Returns the claims of a proof, after OpenSSL checked its signature.
    private func proved(_ chip: Chip, _ proof: Any?) throws -> [String: Any] {
        let parts = try #require(proof as? String).split(separator: ".")
        let signature = try #require(Data(base64URL: parts[2]))
        #expect(signature.count == 64 && chip.pair.verify(der(signature), of: Data((parts[0] + "." + parts[1]).utf8)))
        return try json(#require(Data(base64URL: parts[1])))
    }

    private func sent(_ core: Authenticator) throws -> [String: Any] {
        let due = try core.due()
        #expect(due.count == 1)
        return try claims(json(#require(due.first).body)["jwt"])
    }

    @Test func aPreviewSaysWhetherAKeyIsTakenAndWhatAPlatformAttests() throws {
        let core = try openCore()
        let preview = try core.preview(code: Self.code)
        #expect(preview.takesDeviceKey && preview.attestationChallenge?.count == 32)
        let plain = try core.preview(code: registrationCode())
        #expect(!plain.takesDeviceKey && plain.attestationChallenge == nil)
    }

    @Test func aKeyInHardwareRegistersAndProvesAnApprovalAndADenial() throws {
        let keyed = try Keyed()
        let account = try #require(try keyed.core.accounts().first)
        let jwk = keyed.chip.key().jwk
        #expect(account.key == AccountKey(jwk: jwk, level: .secureEnclave, presence: .device, isSoftware: false, isInvalidated: false))
        #expect(account.needsSignature)
        let first = try keyed.ask()
        try keyed.approve(first, keyed.chip.sign(keyed.approval(first)))
        let approval = try proved(keyed.chip, sent(keyed.core)["proof"])
        #expect(["decision", "number", "messageId"].map { approval[$0] as? String } == ["approve", "43", "message-1"])
        let second = try keyed.ask()
        let signed = keyed.chip.sign(try keyed.core.denialToSign(notificationId: second.id, reason: .notMe))
        try keyed.core.denySigned(notificationId: second.id, reason: .notMe, signedAnswer: signed)
        let denial = try proved(keyed.chip, sent(keyed.core)["proof"])
        #expect(["decision", "reason", "messageId"].map { denial[$0] as? String } == ["deny", "not-me", "message-2"])
    }

    @Test func aRegistrationSaysWhatTheKeyIs() throws {
        let (core, chip) = (try openCore(), Chip())
        _ = try core.enrol(code: Self.code, enrolment: enrolment(key: chip.choice(core, Self.code)), slotWrapper: nil)
        let claims = try sent(core)
        #expect(["keyLevel", "userPresence"].map { claims[$0] as? String } == ["secure-enclave", "biometric"])
        #expect(claims["attestation"] as? [String] == ["AQID"])
        #expect(try proved(chip, claims["proof"])["messageId"] as? String == "REGISTER:demo")
        let jwk = try #require(claims["jwk"] as? [String: String])
        let described = try JSONSerialization.jsonObject(with: Data(chip.key().jwk.utf8)) as? [String: String]
        #expect(jwk == described)
    }

    @Test func whatIsNotRightlySignedIsRefusedAndNothingWaitsToBeSent() throws {
        let keyed = try Keyed()
        let (core, chip) = (keyed.core, keyed.chip)
        let (request, other) = (try keyed.ask(), try keyed.ask())
        let toSign = try keyed.approval(request)
        let right = chip.pair.sign(toSign.bytes)
        var changed = toSign.bytes
        changed[changed.count - 3] = UInt8(ascii: "A")
        let wrong: [String: Signed] = [
            "another key": Chip().sign(toSign),
            "another message": chip.sign(try keyed.approval(other)),
            "another number": chip.sign(try keyed.approval(request, "34")),
            "a denial": chip.sign(try core.denialToSign(notificationId: request.id, reason: nil)),
            "changed bytes": ToSign(bytes: changed).signed(der: right),
            "bytes of no proof": chip.sign(ToSign(bytes: Data("anything".utf8))),
            "no bytes": chip.sign(ToSign(bytes: Data())),
            "a registration": chip.sign(try core.registrationToSign(code: Self.code, key: chip.key())),
            "half a signature": toSign.signed(der: right.prefix(20)),
            "no signature": toSign.signed(der: Data()),
            "the other form": toSign.signed(raw: right),
            "nothing but zeros": toSign.signed(raw: Data(count: 64)),
        ]
        for (name, signed) in wrong {
            #expect(refusal { try keyed.approve(request, signed) } == "signature-refused", "\(name)")
        }
        let denial = chip.sign(try core.denialToSign(notificationId: request.id, reason: .other))
        #expect(refusal { try core.denySigned(notificationId: request.id, reason: .notMe, signedAnswer: denial) } == "signature-refused")
        #expect(try core.due() == [])
        try keyed.approve(request, toSign.signed(der: right))
        #expect(refusal { try keyed.approve(request, toSign.signed(der: right)) } == "already-answered")
        #expect(try core.due().count == 1)
    }

    @Test func bothFormsOfASignatureAreTaken() throws {
        let keyed = try Keyed()
        let request = try keyed.ask()
        let toSign = try keyed.approval(request)
        let raw = OpenSSL.KeyPair.raw(keyed.chip.pair.sign(toSign.bytes))
        try keyed.approve(request, toSign.signed(raw: raw))
    }

    @Test func anAnswerWithoutTheSignatureIsRefusedAndWhatDoesNotFitIsNotGivenOut() throws {
        let keyed = try Keyed()
        let (core, request) = (keyed.core, try keyed.ask())
        #expect(refusal { try core.approve(notificationId: request.id, evidence: .number(number: "43")) } == "signature-needed")
        #expect(refusal { try core.deny(notificationId: request.id) } == "signature-needed")
        #expect(refusal { try core.denyFor(notificationId: request.id, reason: .mistake) } == "signature-needed")
        #expect(refusal { try keyed.approval(request, nil) } == "number-needed")
        #expect(refusal { try keyed.approval(request, "99") } == "number-not-offered")
        core.setConcealed(concealed: true)
        #expect(refusal { try keyed.approval(request) } == "device-locked")
        let signed = keyed.chip.sign(try core.denialToSign(notificationId: request.id, reason: nil))
        try core.denySigned(notificationId: request.id, reason: nil, signedAnswer: signed)
    }

    @Test func accountsWithoutAKeyTakeNeitherSignatureNorReason() throws {
        let core = try openCore()
        let server = try Registered(core)
        let request = try core.receiveMessage(messageId: "message", jwt: server.message(1))
        let signed = Chip().sign(ToSign(bytes: Data("anything".utf8)))
        #expect(!server.account.needsSignature)
        #expect(refusal { try core.approveSigned(notificationId: request.id, evidence: .tap, signedAnswer: signed) } == "no-device-key")
        #expect(refusal { try core.denialToSign(notificationId: request.id, reason: .notMe) } == "no-device-key")
        #expect(refusal { try core.registrationToSign(code: registrationCode(), key: Chip().key()) } == "no-device-key")
        #expect(refusal { try core.deviceKeyInvalidated(accountId: server.account.id) } == "no-device-key")
        #expect(refusal { try core.denyFor(notificationId: request.id, reason: .notMe) } == "reason-not-taken")
        #expect(try core.enrol(code: registrationCode("other"), enrolment: enrolment(key: .software), slotWrapper: nil).key == nil)
    }

    @Test func aKeyInSoftwareSignsByItself() throws {
        let core = try openCore()
        let server = try Registered(core, Self.code, key: .software)
        #expect(server.account.key?.isSoftware == true && server.account.key?.level == .software && !server.account.needsSignature)
        let request = try core.receiveMessage(messageId: "message", jwt: server.message(1))
        let signed = Chip().sign(try core.denialToSign(notificationId: request.id, reason: .mistake))
        #expect(refusal { try core.denySigned(notificationId: request.id, reason: .mistake, signedAnswer: signed) } == "no-device-key")
        try core.denyFor(notificationId: request.id, reason: .mistake)
        #expect(try sent(core)["proof"] is String)
    }

    @Test(arguments: [UserPresence.biometric, .device]) func aBiometricKeysSignatureIsTheEvidenceAndAnothersIsNot(_ presence: UserPresence) throws {
        let keyed = try Keyed(presence)
        let request = try keyed.ask(["k": "biometric"])
        let signed = keyed.chip.sign(try keyed.approval(request, nil))
        #expect(refusal { try keyed.approve(request, signed, .tap) } == (presence == .biometric ? nil : "biometric-needed"))
    }

    @Test func aHundredTasksHaveAHundredAnswersSignedEachItsOwn() async throws {
        let (phone, chip, recorder) = (try await openPhone(), Chip(), Recorder())
        let server = try await phone.call { try Registered($0, Self.code, key: chip.choice($0, Self.code)) }
        let courier = Courier(phone, transport: recorder)
        try await withThrowingTaskGroup(of: Answer.self) { group in
            for number in 1...100 {
                group.addTask {
                    let jwt = try server.message(number)
                    let request = try await phone.call { try $0.receiveMessage(messageId: "message-\(number)", jwt: jwt) }
                    let toSign = try await phone.call { try $0.approvalToSign(notificationId: request.id, number: nil) }
                    return try await courier.approve(request.id, .tap, signed: chip.sign(toSign))
                }
            }
            for try await answer in group { #expect(answer == .settled(.approved)) }
        }
        #expect(recorder.posts.count == 100)
        for post in recorder.posts {
            let body = try json(post.body)
            #expect(try proved(chip, claims(body["jwt"])["proof"])["messageId"] as? String == body["messageId"] as? String)
        }
    }

    @Test func anInvalidatedKeyAnswersNothingUntilTheAccountWasAddedAgain() throws {
        let keyed = try Keyed()
        let (core, request) = (keyed.core, try keyed.ask())
        let right = keyed.chip.sign(try keyed.approval(request))
        try core.deviceKeyInvalidated(accountId: keyed.server.account.id)
        let account = try #require(try core.accounts().first)
        #expect(account.state == .reEnrolmentNeeded && account.key?.isInvalidated == true)
        #expect(refusal { try keyed.approve(request, right) } == "device-key-invalidated")
        #expect(refusal { try keyed.approval(request) } == "device-key-invalidated")
        #expect(refusal { try core.deny(notificationId: request.id) } == "device-key-invalidated")
        let fresh = Chip()
        _ = try core.enrol(code: Self.code, enrolment: enrolment(replace: true, key: fresh.choice(core, Self.code)), slotWrapper: nil)
        let registration = try #require(try core.due().first)
        _ = try core.delivered(requestId: registration.id, response: Recorder.taken)
        let accounts = try core.accounts()
        #expect(accounts.map(\.state) == [.active] && accounts.map(\.key?.jwk) == [fresh.key().jwk])
    }

    @Test func aRegistrationWithAnothersProofOrAnOddKeyIsRefused() throws {
        let (core, chip) = (try openCore(), Chip())
        let toSign = try core.registrationToSign(code: Self.code, key: chip.key())
        func enrol(_ key: DeviceKey, _ signed: Signed) -> String? {
            refusal { try core.enrol(code: Self.code, enrolment: enrolment(key: .hardware(key: key, signed: signed)), slotWrapper: nil) }
        }
        #expect(enrol(chip.key(), Chip().sign(toSign)) == "signature-refused")
        #expect(enrol(Chip().key(), chip.sign(toSign)) == "signature-refused")
        #expect(enrol(chip.key(attestation: Array(repeating: Data([1]), count: 11)), chip.sign(toSign)) == "bad-device")
        for point in [Data(), Data(count: 33), Data(count: 97)] {
            let key = DeviceKey(point: point, level: .secureEnclave, presence: .none)
            #expect(refusal { try core.registrationToSign(code: Self.code, key: key) } == "device-key-refused")
        }
        #expect(try core.accounts() == [])
    }
}
