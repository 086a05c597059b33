import Foundation
import PushAuthenticator
import XCTest

/// The README's Swift example is the code below, and it works as described.
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
        let answer = try await courier.approve(request.id, ask(request))
        if case .rejected(let reason) = answer { return try await show(reason.explanation) }
        try await show("\(answer)")
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
        XCTAssertEqual(shown.last, "\(Answer.settled(.approved))")
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
        XCTAssertLessThanOrEqual(try check("", ["README.md", "bindings/swift/README.md"]), 10, "lines")
        try check("of keys ", ["bindings/swift/README.md"])
    }

    func testPathsThatTheReadmesNameAreThere() throws {
        for readme in ["bindings/swift/README.md", "ios/README.md", "examples/swift/README.md"] {
            let text = try String(contentsOfFile: "\(repository)/\(readme)", encoding: .utf8)
            let folder = URL(fileURLWithPath: "\(repository)/\(readme)").deletingLastPathComponent()
            let links = text.matches(of: /\]\((?!https?:)([^)#]+)/).map { String($0.1) }
            let paths = text.matches(of: /`((?:\.\.\/|tests\/|scripts\/|examples\/)[\w.\/-]+)`/).map { String($0.1) }
            XCTAssertGreaterThan(links.count + paths.count, 1, readme)
            for path in links + paths {
                // Next to the README, or from the repository's root.
                let places = [folder.appendingPathComponent(path).path, "\(repository)/\(path)"]
                XCTAssertTrue(places.contains { FileManager.default.fileExists(atPath: $0) }, "\(path) in \(readme)")
            }
        }
    }

    /// Returns a manifest's required-reason categories, with the reasons given.
    private func reasons(_ file: String) throws -> [String: [String]] {
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(repository)/\(file)"))
        let manifest = try XCTUnwrap(try PropertyListSerialization.propertyList(from: content, format: nil) as? [String: Any])
        XCTAssertEqual(manifest["NSPrivacyTracking"] as? Bool, false)
        XCTAssertEqual((manifest["NSPrivacyCollectedDataTypes"] as? [Any])?.count, 0)
        let entries = try XCTUnwrap(manifest["NSPrivacyAccessedAPITypes"] as? [[String: Any]])
        return try Dictionary(uniqueKeysWithValues: entries.map { entry in
            let category = try XCTUnwrap(entry["NSPrivacyAccessedAPIType"] as? String)
            return (category.replacingOccurrences(of: "NSPrivacyAccessedAPICategory", with: ""), entry["NSPrivacyAccessedAPITypeReasons"] as? [String] ?? [])
        })
    }

    func testTheManifestsGiveTheReasonsOfWhatIsCalled() throws {
        // SQLite reads the timestamps of the vault's file, which is in the containers of the app and its group.
        let ofThePackage = ["FileTimestamp": ["C617.1"]]
        XCTAssertEqual(try reasons("bindings/swift/PrivacyInfo.xcprivacy"), ofThePackage)
        // The app's settings are in the defaults of its group.
        XCTAssertEqual(try reasons("ios/Shared/PrivacyInfo.xcprivacy"), ofThePackage.merging(["UserDefaults": ["1C8F.1"]]) { $1 })
        let callsOfReasons = [
            "UserDefaults": /UserDefaults/, "SystemBootTime": /systemUptime|mach_absolute_time/,
            "DiskSpace": /volumeAvailableCapacity|systemFreeSize|systemSize|statfs/, "ActiveKeyboards": /activeInputModes/,
            "FileTimestamp": /creationDate|modificationDate|contentModificationDate/,
        ]
        for (folders, manifest) in [
            (["bindings/swift/Sources/PushAuthenticator", "bindings/swift/generated"], ofThePackage),
            (["ios/App", "ios/Shared", "ios/NotificationService", "ios/Sources"], try reasons("ios/Shared/PrivacyInfo.xcprivacy")),
        ] {
            let files = folders.flatMap { folder in
                (FileManager.default.enumerator(atPath: "\(repository)/\(folder)")?.compactMap { $0 as? String } ?? []).map { "\(folder)/\($0)" }
            }
            let code = try files.filter { $0.hasSuffix(".swift") }.map { try String(contentsOfFile: "\(repository)/\($0)", encoding: .utf8) }
                .joined(separator: "\n")
            XCTAssertFalse(code.isEmpty)
            for (category, call) in callsOfReasons where code.firstMatch(of: call) != nil {
                XCTAssertNotNil(manifest[category], "\(category) is called in \(folders) and has no reason")
            }
        }
    }

    /// Returns the number of lines.
    @discardableResult
    private func check(_ part: String, _ files: [String]) throws -> Int {
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
        return end - begin - 1
    }
}
