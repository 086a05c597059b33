import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The real server, as a separate process with the user alice; and a browser's part of a sign-on over REST, on its
/// caller's actor.
final class Server {
    struct Failed: Error, CustomStringConvertible { let description: String }

    static let password = "correct horse battery staple"
    private let home = folder()
    private var process: Process?
    private(set) var address = "127.0.0.1:0"
    var configuration: String { home.appendingPathComponent("server.toml").path }

    init(pushType: String = "CHALLENGE", deviceKey: String? = nil) throws {
        try run(["init", home.path])
        let journey = home.appendingPathComponent("journeys/Login with Push MFA.journey.json")
        var text = try String(contentsOf: journey, encoding: .utf8)
        if let deviceKey {
            // Both nodes that have the setting: registration, and the sign-on request.
            for setting in ["\"scanQRCodeMessage\":", "\"pushType\":"] {
                text = text.replacingOccurrences(of: setting, with: "\"deviceKey\": \"\(deviceKey)\", \(setting)")
            }
        }
        try text.replacingOccurrences(of: "\"CHALLENGE\"", with: "\"\(pushType)\"").write(to: journey, atomically: true, encoding: .utf8)
        try run(["user", "add", "alice", "--password-stdin", "--config", configuration], input: Self.password)
        try start()
    }

    deinit { stop() }

    /// Runs a command of the command line.
    @discardableResult
    func run(_ arguments: [String], input: String = "") throws -> Any {
        let (process, stdin, stdout) = (program(arguments), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(description: String(decoding: output, as: UTF8.self)) }
        return try JSONSerialization.jsonObject(with: output)
    }

    /// Starts the process, on the previous address if there was one.
    func start() throws {
        let (started, stdout) = (program(["serve", "--listen", address, "--config", configuration]), Pipe())
        started.standardOutput = stdout
        try started.run()
        process = started
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")) {
            let more = stdout.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Failed(description: "the server ended") }
            line += more
        }
        guard let listening = try json(line)["listening"] as? String else { throw Failed(description: "no address") }
        address = listening
    }

    func stop() {
        guard let process else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    private func program(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: environment["PUSH_AUTHENTICATOR_SERVER"] ?? "../../target/debug/push-authenticator")
        process.arguments = ["--json"] + arguments
        process.environment = ["RUST_LOG": "error"]
        return process
    }

    /// Posts a step of the sign-on, and returns status and body.
    func post(_ step: [String: Any]?, isolation: isolated (any Actor)? = #isolation) async throws -> (status: Int, body: [String: Any]) {
        let path = "/am/json/realms/root/realms/alpha/authenticate?authIndexType=service&authIndexValue=Login%20with%20Push%20MFA"
        guard let url = URL(string: "http://\(address)\(path)") else { throw Failed(description: address) }
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("resource=2.1, protocol=1.0", forHTTPHeaderField: "Accept-API-Version")
        request.httpBody = try step.map { try JSONSerialization.data(withJSONObject: $0) }
        let (data, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, try json(data))
    }

    func next(_ step: [String: Any], isolation: isolated (any Actor)? = #isolation) async throws -> [String: Any] {
        let (status, body) = try await post(step)
        guard status == 200 else { throw Failed(description: "\(status) \(body)") }
        return body
    }

    /// Returns the step after the correct password.
    func signOn(isolation: isolated (any Actor)? = #isolation) async throws -> [String: Any] {
        var step = try await post(nil).body
        guard var callbacks = step["callbacks"] as? [[String: Any]], callbacks.count == 2 else { throw Failed(description: "\(step)") }
        for (index, value) in ["alice", Self.password].enumerated() {
            guard var input = callbacks[index]["input"] as? [[String: Any]] else { throw Failed(description: "\(step)") }
            input[0]["value"] = value
            callbacks[index]["input"] = input
        }
        step["callbacks"] = callbacks
        return try await next(step)
    }

    /// Returns the step that shows the QR code, and the registration URI.
    func offer(isolation: isolated (any Actor)? = #isolation) async throws -> (step: [String: Any], code: String) {
        let step = try await next(signOn())
        return (step, try Self.hiddenValue(step))
    }

    /// Returns the step that waits for the first push, after the phone has registered.
    func registered(_ offer: [String: Any], isolation: isolated (any Actor)? = #isolation) async throws -> [String: Any] { try await next(next(offer)) }

    /// Returns the registration URI, or the number to tap.
    static func hiddenValue(_ step: [String: Any]) throws -> String {
        let callbacks = step["callbacks"] as? [[String: Any]] ?? []
        let hidden = callbacks.first { $0["type"] as? String == "HiddenValueCallback" }
        guard let value = (hidden?["output"] as? [[String: Any]])?.first?["value"] as? String else { throw Failed(description: "\(step)") }
        return value
    }
}
