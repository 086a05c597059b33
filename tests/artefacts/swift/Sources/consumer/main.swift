import Foundation
import PushAuthenticator

/// Protects nothing.
final class NoKeys: PlatformKeys {
    func wrap(dataKey: Data) throws -> Data { dataKey }
    func unwrap(wrapped: Data) throws -> Data { wrapped }
}

// Adds the account of the given registration URI, and prints its one-time password: consumer FOLDER CODE.
let phone = try await Phone.open(vaultFile: CommandLine.arguments[1] + "/vault", keys: NoKeys())
let facts = DeviceFacts(biometricAvailable: false, tamperScore: 0)
try await phone.call { $0.setDeviceFacts(facts: facts) }
let device = Device(name: "Consumer", platform: .ios, pushToken: "none", communicationType: .embedded)
let enrolled = try await Courier(phone).enrol(CommandLine.arguments[2], Enrolment(device: device, facts: facts, replace: false))
guard case .ready(let account) = enrolled else { fatalError("\(enrolled)") }
print(try await phone.call { try $0.code(accountId: account.id) }.code)
