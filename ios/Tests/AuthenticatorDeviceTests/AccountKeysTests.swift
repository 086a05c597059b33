import AuthenticatorDevice
import AuthenticatorModels
import Foundation
import LocalAuthentication
import PushAuthenticator
import Security
import Testing

extension DeviceTests {
    /// Accounts' own keys over the stubs: how they are requested, found again and removed, and how errors are
    /// interpreted. The pairs behind the stub are OpenSSL's, so signatures are real; there is no Secure Enclave here.
    @Suite struct AccountKeysTests {
        private let keys = AccountKeys(accessGroup: "group", reason: "Sign")

        init() {
            StubKeychain.shared.reset()
            StubOwner.shared.set()
            StubKeychain.shared.makePairs {
                let pair = OpenSSL.KeyPair()
                return StubPair(point: pair.point) { pair.sign($0) }
            }
        }

        private var tags: [String] { StubKeychain.shared.tags.filter { $0.hasPrefix("org.pushauthenticator.account.") } }

        @Test func aKeyIsBoundToTheBiometricsOfNowWhereItAsksForThem() async throws {
            let bound = try await keys.make(asksForBiometric: true)
            #expect(bound.level == .secureEnclave && bound.presence == .biometric && bound.attestation == nil)
            let first = try #require(tags.first)
            let access = try #require(StubKeychain.shared.key(first)?.access)
            #expect(access.flags == [.privateKeyUsage, .biometryCurrentSet])
            #expect(access.protection == kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly)
            let free = try await keys.make(asksForBiometric: false)
            #expect(free.presence == UserPresence.none && free.jwk != bound.jwk)
            let second = try #require(tags.first { $0 != first })
            let unbound = try #require(StubKeychain.shared.key(second)?.access)
            #expect(unbound.flags == .privateKeyUsage && unbound.protection == kSecAttrAccessibleWhenUnlockedThisDeviceOnly)
        }

        @Test func eachKeySignsForItself() async throws {
            let vault = VaultKeys(accessGroup: "group")
            _ = try vault.wrap(dataKey: Data([1]))
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("vault-\(UUID().uuidString)").path
            let core = try Authenticator.open(vaultFile: file, keys: vault, log: nil)
            let made = [try await keys.make(asksForBiometric: true), try await keys.make(asksForBiometric: false)]
            for key in made {
                // The core checks the signature with the public half.
                let code = DeviceTests.registration(key.presence == .biometric ? "ada" : "bob")
                let toSign = try core.registrationToSign(code: code, key: key)
                let der = try await keys.sign(toSign.bytes, with: key.jwk, asksForBiometric: key.presence == .biometric)
                let device = Device(name: "Phone", platform: .ios, pushToken: "token-0123456789", communicationType: .embedded)
                let facts = DeviceFacts(biometricAvailable: true, tamperScore: 0)
                let chosen = KeyChoice.hardware(key: key, signed: toSign.signed(der: der))
                let enrolment = Enrolment(device: device, facts: facts, replace: false, key: chosen)
                #expect(try core.enrol(code: code, enrolment: enrolment, slotWrapper: nil).key?.jwk == key.jwk)
            }
        }

        @Test func aPromptThatIsNotPassedLosesNothing() async throws {
            let key = try await keys.make(asksForBiometric: true)
            StubOwner.shared.set(failure: .userCancel)
            await #expect(throws: BiometricFailure.cancelled) { try await keys.sign(Data(), with: key.jwk, asksForBiometric: true) }
            StubOwner.shared.set(failure: .biometryLockout)
            await #expect(throws: BiometricFailure.unavailable) { try await keys.sign(Data(), with: key.jwk, asksForBiometric: true) }
            let free = try await keys.make(asksForBiometric: false)
            #expect(try await !keys.sign(Data([1]), with: free.jwk, asksForBiometric: false).isEmpty, "it asks nobody")
            StubOwner.shared.set()
            StubKeychain.shared.use(endsWith: errSecInteractionNotAllowed)
            await #expect(throws: BiometricFailure.unavailable) { try await keys.sign(Data(), with: key.jwk, asksForBiometric: true) }
            StubKeychain.shared.use(endsWith: errSecSuccess)
            StubKeychain.shared.lookUp(endsWith: errSecInteractionNotAllowed)
            await #expect(throws: BiometricFailure.unavailable) { try await keys.sign(Data(), with: key.jwk, asksForBiometric: true) }
            StubKeychain.shared.lookUp(endsWith: errSecSuccess)
            #expect(try await !keys.sign(Data([1]), with: key.jwk, asksForBiometric: true).isEmpty)
        }

        @Test func aKeyThatWasMadeInvalidOrIsNotThereIsGone() async throws {
            let key = try await keys.make(asksForBiometric: true)
            StubKeychain.shared.use(endsWith: errSecAuthFailed)
            await #expect(throws: BiometricFailure.invalidated) { try await keys.sign(Data(), with: key.jwk, asksForBiometric: true) }
            StubKeychain.shared.use(endsWith: errSecSuccess)
            await #expect(throws: BiometricFailure.invalidated) { try await keys.sign(Data(), with: "another", asksForBiometric: true) }
            keys.remove(key.jwk)
            await #expect(throws: BiometricFailure.invalidated) { try await keys.sign(Data(), with: key.jwk, asksForBiometric: true) }
        }

        @Test func onlyAccountsKeysAreTakenAway() async throws {
            _ = try VaultKeys(accessGroup: "group").wrap(dataKey: Data([1]))
            let kept = try await keys.make(asksForBiometric: true)
            _ = try await keys.make(asksForBiometric: true)
            keys.keepOnly([kept.jwk])
            #expect(tags.count == 1 && StubKeychain.shared.key("org.pushauthenticator.vault") != nil)
            #expect(try await !keys.sign(Data([1]), with: kept.jwk, asksForBiometric: true).isEmpty)
            keys.keepOnly([])
            #expect(tags.isEmpty && StubKeychain.shared.key("org.pushauthenticator.vault") != nil)
        }
    }

    /// Returns a registration URI of a server that accepts keys.
    static func registration(_ account: String) -> String {
        func encode(_ data: Data) -> String {
            data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
                .replacingOccurrences(of: "=", with: "")
        }
        func text(_ text: String) -> String { encode(Data(text.utf8)) }
        let address = "https://am.example.com/am/push?_action="
        return "pushauth://push/Ping:\(account)?m=REGISTER:1&v=2&s=\(encode(Data(repeating: 1, count: 32)))"
            + "&c=\(encode(Data(repeating: 9, count: 32)))&r=\(text(address + "register"))&a=\(text(address + "authenticate"))"
    }
}
