import Foundation
import PushAuthenticator
import Testing

/// App Attest over the real core. The service is a test's; OpenSSL recomputes the data that it receives.
@Suite(.timeLimit(.minutes(2))) struct AppAttestTests {
    private static let code = registrationCode(more: "&v=2")
    private let chip = Chip()

    private struct Service: AppAttestService {
        struct Unreachable: Error {}

        var isSupported = true
        var keyIsMade = true
        let asked = Box<[Data]>([])
        var make: @Sendable () async throws -> Data = { Data([0xa3]) }

        func generateKey() async throws -> String {
            guard keyIsMade else { throw Unreachable() }
            return "key"
        }

        func attestKey(_ keyId: String, clientDataHash: Data) async throws -> Data {
            #expect(keyId == "key")
            asked.change { $0.append(clientDataHash) }
            return try await make()
        }
    }

    private var key: DeviceKey { chip.key(attestation: nil) }

    @Test func itVouchesForTheChallengeAndTheKeysThumbprint() async throws {
        let phone = try await openPhone()
        let service = Service()
        let attested = try await phone.attested(key, for: Self.code, by: service)
        #expect(attested == chip.key(attestation: [Data([0xa3])]))
        // docs/wire.md: SHA-256 over the challenge's 32 bytes and the thumbprint's 43 characters.
        let challenge = try #require(try await phone.call { try $0.preview(code: Self.code) }.attestationChallenge)
        let thumbprint = OpenSSL.sha256(Data(key.jwk.utf8)).base64URL
        #expect(challenge.count == 32 && thumbprint.count == 43)
        #expect(service.asked.value == [OpenSSL.sha256(challenge + Data(thumbprint.utf8))])
    }

    @Test func whereItCannotTheKeyIsAsItWas() async throws {
        let phone = try await openPhone()
        let services = [
            Service(isSupported: false), Service(keyIsMade: false), Service(make: { throw Service.Unreachable() }),
            Service(make: { Data(count: 8 * 1024 + 1) }),
        ]
        for service in services {
            #expect(try await phone.attested(key, for: Self.code, by: service) == key)
        }
    }

    @Test func asMuchAsARegistrationHoldsIsTakenAndTheCoreRefusesMore() async throws {
        let phone = try await openPhone()
        let attested = try await phone.attested(key, for: Self.code, by: Service(make: { Data(count: 8 * 1024) }))
        let more = chip.key(attestation: [Data(count: 8 * 1024 + 1)])
        let signed = chip.sign(try await phone.call { [key] in try $0.registrationToSign(code: Self.code, key: key) })
        for (key, code) in [(more, "bad-device"), (attested, nil)] {
            let refused = try await phone.call { core in
                refusal { try core.enrol(code: Self.code, enrolment: enrolment(key: .hardware(key: key, signed: signed)), slotWrapper: nil) }
            }
            #expect(refused == code)
        }
    }

    @Test func oneThatHangsKeepsNobodyWaiting() async throws {
        let phone = try await openPhone()
        let (gate, opens) = AsyncStream<Void>.makeStream()
        // Ignores cancellation, as a completion handler does.
        let hanging = Service(make: {
            await Task.detached { for await _ in gate {} }.value
            return Data([0xa3])
        })
        #expect(try await phone.attested(key, for: Self.code, by: hanging, atMost: .milliseconds(50)) == key)
        opens.finish()
    }

    @Test func whatTheCoreRefusesIsThrown() async throws {
        let phone = try await openPhone()
        let service = Service()
        func refused(_ key: DeviceKey, _ code: String) async -> String? {
            do {
                _ = try await phone.attested(key, for: code, by: service)
                return nil
            } catch let error as AuthenticatorError {
                return error.code
            } catch {
                return "\(error)"
            }
        }
        #expect(await refused(key, registrationCode()) == "no-device-key")
        #expect(await refused(DeviceKey(point: Data(count: 33), level: .secureEnclave, presence: .none), Self.code) == "device-key-refused")
        #expect(service.asked.value.isEmpty)
    }
}
