import Foundation
import PushAuthenticator
import XCTest

/// The README's start for Swift is the code below, and it does what it says.
final class ReadmeTests: XCTestCase {
    private func start(
        folder: String, keys: PlatformKeys, biometric: SlotWrapper, scannedText: String,
        device: Device, facts: DeviceFacts, confirmed: (EnrolmentPreview) -> Bool, ask: (SignOnRequest) async throws -> Evidence,
        show: (String) async throws -> Void
    ) async throws {
        // README begins
        let phone = try await Phone.open(vaultFile: folder + "/vault", keys: keys)  // keys: a PlatformKeys over your Keychain key
        let courier = Courier(phone)                                                // or with your own HTTPTransport
        let preview = try await phone.call { try $0.preview(code: scannedText) }    // a QR code's text; nothing is stored yet
        let enrolment = Enrolment(device: device, facts: facts, replace: false)
        if confirmed(preview) { try await show("\(courier.enrol(scannedText, enrolment, slotWrapper: biometric))") }
        try await courier.pull(wait: .seconds(30))                                  // or courier.receive(push)
        guard let request = try await phone.notifications.compactMap(\.first).first(where: { _ in true }) else { return }
        switch try await courier.approve(request.id, ask(request)) {
        case .settled(let state): try await show("\(state)")
        case .rejected(let reason): try await show(reason.explanation)
        case let answer: try await show("\(answer)")
        }
        // README ends
        phone.close()
    }

    func testTheStartDoesWhatItSays() async throws {
        let server = try Server()
        defer { server.stop() }
        let (step, code) = try await server.offer()
        var waiting: [String: Any] = [:]
        var shown: [String] = []
        try await start(
            folder: folder().path, keys: TestKeys(), biometric: Finger(), scannedText: code,
            device: device(), facts: DeviceFacts(biometricAvailable: true, tamperScore: 0), confirmed: { $0.account == "alice" },
            ask: { _ in .number(number: try Server.hiddenValue(waiting)) },
            show: { line in
                shown.append(line)
                if shown.count == 1 { waiting = try await server.registered(step) }
            })
        XCTAssertEqual(shown.last, "approved")
        let session = try await server.next(waiting)["tokenId"]
        XCTAssertNotNil(session)
    }

    private struct Half { let x963Representation: Data }

    private func register(
        phone: Phone, courier: Courier, device: Device, facts: DeviceFacts, scannedText: String, publicKey: Half,
        sign: (Data) async throws -> Data
    ) async throws -> Enrolled {
        // README of keys begins
        let key = DeviceKey(point: publicKey.x963Representation, level: .secureEnclave, presence: .biometric)
        let toSign = try await phone.call { try $0.registrationToSign(code: scannedText, key: key) }
        let chosen = KeyChoice.hardware(key: key, signed: toSign.signed(der: try await sign(toSign.bytes)))  // sign: your Secure Enclave key
        let enrolment = Enrolment(device: device, facts: facts, replace: false, key: chosen)
        let added = try await courier.enrol(scannedText, enrolment)
        // README of keys ends
        return added
    }

    func testAKeyIsRegisteredAsTheReadmeSays() async throws {
        let server = try Server(deviceKey: "required")
        defer { server.stop() }
        let (phone, pair) = (try await openPhone(), OpenSSL.KeyPair())
        let added = try await register(
            phone: phone, courier: Courier(phone), device: device(), facts: DeviceFacts(biometricAvailable: true, tamperScore: 0),
            scannedText: server.offer().code, publicKey: Half(x963Representation: pair.point), sign: { pair.sign($0) })
        guard case .ready(let account) = added else { return XCTFail("\(added)") }
        XCTAssertEqual(account.key?.level, .secureEnclave)
        phone.close()
    }

    func testTheReadmesHoldIt() throws {
        try check("", ["README.md", "bindings/swift/README.md"])
        try check("of keys ", ["bindings/swift/README.md"])
    }

    private func check(_ part: String, _ files: [String]) throws {
        let here = try String(contentsOfFile: "\(repository)/bindings/swift/Tests/PushAuthenticatorTests/ReadmeTests.swift", encoding: .utf8)
        let lines = here.components(separatedBy: "\n")
        let begin = try XCTUnwrap(lines.firstIndex { $0.hasSuffix("// README \(part)begins") })
        let end = try XCTUnwrap(lines.firstIndex { $0.hasSuffix("// README \(part)ends") })
        let code = lines[(begin + 1)..<end].map { $0.isEmpty ? "" : String($0.dropFirst(8)) }.joined(separator: "\n")
        for file in files {
            let text = try String(contentsOfFile: "\(repository)/\(file)", encoding: .utf8)
            let blocks = text.components(separatedBy: "```swift\n").dropFirst().compactMap { $0.components(separatedBy: "```").first }
            let same = blocks.filter { $0.trimmingCharacters(in: .newlines) == code.trimmingCharacters(in: .newlines) }
            XCTAssertEqual(same.count, 1, "\(file) and this test differ")
        }
    }
}
