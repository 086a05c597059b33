import Foundation
import PushAuthenticator
import Testing

let environment = ProcessInfo.processInfo.environment
let repository = environment["PUSH_AUTHENTICATOR_REPOSITORY"] ?? "../.."
let secret = Data("shared secret of 32 bytes length".utf8)

/// The key encryption key of the frozen vaults, with OpenSSL's AES-GCM.
final class TestKeys: PlatformKeys {
    let key: Data

    init(_ key: Data = Data(0..<32)) { self.key = key }

    func wrap(dataKey: Data) throws -> Data {
        let nonce = Data(repeating: 7, count: 12)
        return nonce + OpenSSL.encrypt(dataKey, key: key, nonce: nonce)
    }

    func unwrap(wrapped: Data) throws -> Data {
        guard wrapped.count > 28, let opened = OpenSSL.decrypt(Data(wrapped.dropFirst(12)), key: key, nonce: Data(wrapped.prefix(12)))
        else { throw PlatformKeyError.Invalid }
        return opened
    }
}

/// Keys made of closures.
final class Keys: PlatformKeys {
    private let wrapping, unwrapping: @Sendable (Data) throws -> Data

    init(wrap: @escaping @Sendable (Data) throws -> Data = { $0 }, unwrap: @escaping @Sendable (Data) throws -> Data = { $0 }) {
        (wrapping, unwrapping) = (wrap, unwrap)
    }

    func wrap(dataKey: Data) throws -> Data { try wrapping(dataKey) }
    func unwrap(wrapped: Data) throws -> Data { try unwrapping(wrapped) }
}

/// A biometric key: `touch` unwraps what it wraps.
final class Finger: SlotWrapper {
    func wrap(slot: Data) throws -> Data { Self.touch(slot) }
    static func touch(_ bytes: Data) -> Data { Data(bytes.map { $0 ^ 0x5a }) }
}

/// A hardware key: a P-256 pair of OpenSSL, whose private half the core never sees.
struct Chip {
    let pair = OpenSSL.KeyPair()

    func key(_ presence: UserPresence = .biometric, attestation: [Data]? = [Data([1, 2, 3])]) -> DeviceKey {
        DeviceKey(point: pair.point, level: .secureEnclave, presence: presence, attestation: attestation)
    }

    func sign(_ toSign: ToSign) -> Signed { toSign.signed(der: pair.sign(toSign.bytes)) }

    /// Returns what an account is registered with.
    func choice(_ core: Authenticator, _ code: String, _ presence: UserPresence = .biometric) throws -> KeyChoice {
        let key = key(presence)
        return .hardware(key: key, signed: sign(try core.registrationToSign(code: code, key: key)))
    }
}

final class Sink: LogSink {
    private let take: @Sendable (LogLevel, String) throws -> Void

    init(_ take: @escaping @Sendable (LogLevel, String) throws -> Void) { self.take = take }

    func log(level: LogLevel, line: String) throws { try take(level, line) }
}

/// A value that several threads write.
final class Box<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var content: Value

    init(_ content: Value) { self.content = content }

    var value: Value { lock.withLock { content } }
    func change(_ work: (inout Value) -> Void) { lock.withLock { work(&content) } }
}

func folder() -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vault-\(UUID().uuidString)")
    // If this fails, opening the vault fails too.
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

func vaultFile() -> String { folder().appendingPathComponent("vault").path }

func openCore(_ file: String = vaultFile(), keys: PlatformKeys = TestKeys(), log: LogSink? = nil) throws -> Authenticator {
    try Authenticator.open(vaultFile: file, keys: keys, log: log)
}

func openPhone(_ file: String = vaultFile(), log: LogSink? = nil) async throws -> Phone {
    try await Phone.open(vaultFile: file, keys: TestKeys(), log: log)
}

func device(name: String = "Swift on Linux", token: String = "token-0123456789") -> Device {
    Device(name: name, platform: .ios, pushToken: token, communicationType: .embedded)
}

func enrolment(
    _ device: Device = device(), facts: DeviceFacts = DeviceFacts(biometricAvailable: true, tamperScore: 0),
    replace: Bool = false, key: KeyChoice? = nil
) -> Enrolment {
    Enrolment(device: device, facts: facts, replace: replace, key: key)
}

extension Data {
    init(hexadecimal: String) {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        self.init(stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) })
    }

    init?(base64URL: some StringProtocol) {
        let standard = base64URL.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        self.init(base64Encoded: standard + String(repeating: "=", count: (4 - standard.count % 4) % 4))
    }

    var base64URL: String {
        base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    var base32: String {
        let bits = map { byte in String(repeating: "0", count: byte.leadingZeroBitCount) + (byte == 0 ? "" : String(byte, radix: 2)) }
            .joined()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        return stride(from: 0, to: bits.count, by: 5).map { at in
            let chunk = bits.dropFirst(at).prefix(5)
            return String(alphabet[Int(chunk + String(repeating: "0", count: 5 - chunk.count), radix: 2) ?? 0])
        }.joined()
    }
}

func encode(_ text: String) -> String { Data(text.utf8).base64URL }

/// RFC 4226, computed with OpenSSL's HMAC.
func oneTimeCode(_ secret: Data, _ algorithm: String, _ digits: Int, _ moved: UInt64) -> String {
    let hash = OpenSSL.hmac(algorithm, key: secret, withUnsafeBytes(of: moved.bigEndian) { Data($0) })
    let at = Int((hash.last ?? 0) & 0xf)
    let number = hash[at..<at + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
    let code = String(Int(number) % (0..<digits).reduce(1) { power, _ in power * 10 })
    return String(repeating: "0", count: digits - code.count) + code
}

func json(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
}

/// A message signed as a server does.
func sign(_ claims: [String: Any], secret: Data = secret) throws -> String {
    let body = try JSONSerialization.data(withJSONObject: claims)
    let signed = encode(#"{"typ":"JWT","alg":"HS256"}"#) + "." + body.base64URL
    return signed + "." + OpenSSL.hmac("SHA256", key: secret, Data(signed.utf8)).base64URL
}

/// Returns the claims of a signed message, after checking its signature.
func claims(_ jwt: Any?, secret: Data = secret) throws -> [String: Any] {
    let parts = try #require(jwt as? String).split(separator: ".")
    #expect(OpenSSL.hmac("SHA256", key: secret, Data((parts[0] + "." + parts[1]).utf8)).base64URL == String(parts[2]))
    return try json(#require(Data(base64URL: parts[1])))
}

/// Returns a registration URI; `more` is added to its query.
func registrationCode(
    _ account: String = "demo", origin: String = "https://am.example.com", scheme: String = "pushauth://push", more: String = ""
) -> String {
    "\(scheme)/Ping:\(account)?l=\(encode("amlbcookie=01"))&issuer=\(encode("Ping"))&m=REGISTER:\(account)"
        + "&s=\(secret.base64URL)&c=\(Data(repeating: 9, count: 32).base64URL)&r=\(encode("\(origin)/am/push?_action=register"))"
        + "&a=\(encode("\(origin)/am/push?_action=authenticate"))\(more)"
}

/// An account that its server confirmed, in a core without a network, and the mechanism uid by which the server knows
/// it.
struct Registered {
    let account: Account
    let mechanismUid: String

    init(_ core: Authenticator, _ code: String = registrationCode(), date: String? = nil, key: KeyChoice? = nil) throws {
        account = try core.enrol(code: code, enrolment: enrolment(key: key), slotWrapper: Finger())
        let request = try #require(try core.due().first)
        mechanismUid = try #require(claims(json(request.body)["jwt"])["mechanismUid"] as? String)
        _ = try core.delivered(requestId: request.id, response: HttpResponse(status: 200, date: date, body: Data("{}".utf8)))
    }

    /// Returns message `number`, with some claims replaced.
    func message(_ number: Int, _ others: [String: String] = [:]) throws -> String {
        let challenge = withUnsafeBytes(of: UInt32(number).bigEndian) { Data($0) } + Data(count: 28)
        let usual = ["u": mechanismUid, "c": challenge.base64EncodedString(), "t": "120", "m": "Login attempt from demo at Ping"]
        return try sign(usual.merging(others) { $1 })
    }
}

/// Opens a copy of the vault for the cases under tests/vectors/messages and arrivals.
func openMessagesVault() throws -> Authenticator {
    let file = vaultFile()
    try FileManager.default.copyItem(atPath: "\(repository)/tests/vectors/messages/phone.sqlite", toPath: file)
    return try openCore(file)
}

/// Makes the phone of that vault learn the server's time, as it does from every response; here from one that rejects a
/// pull.
func setServerTime(_ core: Authenticator, _ seconds: Int64) throws {
    let pull = try #require(try core.pull(waitSeconds: 0).first)
    let refused = Data(#"{"code":400,"reason":"Bad Request","message":"clock"}"#.utf8)
    #expect(try core.pulled(pull: pull, response: HttpResponse(status: 400, date: date(seconds), body: refused)) == .askAgain)
}

/// Returns a time in the format of the `Date` header.
func date(_ seconds: Int64) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
}

/// Returns every case under tests/vectors/`kind`.
func vectors<Case: Decodable>(_ kind: String) -> [Case] {
    let folder = URL(fileURLWithPath: repository).appendingPathComponent("tests/vectors/\(kind)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
    // An unreadable case fails the test that counts them.
    return files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.compactMap { file in
        do {
            return try decoder.decode(Case.self, from: Data(contentsOf: file))
        } catch {
            print("\(file.path): \(error)")
            return nil
        }
    }
}

/// Returns the number of cases under tests/vectors/`kind`.
func vectorCount(_ kind: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(repository)/tests/vectors/\(kind)")) ?? []
    return names.filter { $0.hasSuffix(".json") }.count
}

/// Returns the error code with which the core rejects `work`, or nil if it does not.
func refusal(_ work: () throws -> Any) -> String? {
    do {
        _ = try work()
        return nil
    } catch let error as AuthenticatorError {
        return error.code
    } catch {
        return "\(error)"
    }
}

/// A transport without a network: records what was sent and responds as specified.
final class Recorder: HTTPTransport {
    static let taken = HttpResponse(status: 200, date: nil, body: Data("{}".utf8))
    private let answer: @Sendable (HTTPPost) async throws -> HttpResponse
    private let sent = Box<[HTTPPost]>([])

    init(_ answer: @escaping @Sendable (HTTPPost) async throws -> HttpResponse = { _ in taken }) { self.answer = answer }

    var posts: [HTTPPost] { sent.value }

    func post(_ post: HTTPPost) async throws -> HttpResponse {
        sent.change { $0.append(post) }
        return try await answer(post)
    }
}

/// Checks repeatedly until the condition holds; returns false if it does not in time.
func eventually(
    within limit: Duration = .seconds(40), isolation: isolated (any Actor)? = #isolation, _ isSo: () async throws -> Bool
) async rethrows -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await isSo() { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return false
}
