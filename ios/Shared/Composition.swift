import AuthenticatorDevice
import AuthenticatorModels
import Foundation
import PushAuthenticator

/// What the app and its notification service extension set up identically: the vault, its key, and the settings.
enum Composition {
    /// As in both property lists: the container and the defaults that the app and the extension share.
    private static let appGroup = Bundle.main.object(forInfoDictionaryKey: "AppGroup") as? String ?? ""
    /// The keychain group that the app and the extension share, with the team's prefix.
    static let accessGroup = Bundle.main.object(forInfoDictionaryKey: "KeychainGroup") as? String ?? ""

    struct NoContainer: LocalizedError {
        var errorDescription: String? { "The app's group has no container: its entitlements are incomplete." }
    }

    static func settings() -> DefaultsStore { DefaultsStore(UserDefaults(suiteName: appGroup) ?? .standard) }

    static func openPhone() async throws -> Phone {
        guard let container = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: appGroup) else { throw NoContainer() }
        let path = try VaultPlace(container: container).prepare()
        return try await Phone.open(vaultFile: path, keys: VaultKeys(accessGroup: accessGroup))
    }

    static func signingKeys() -> AccountKeys { AccountKeys(accessGroup: accessGroup, reason: text(.requestBiometric)) }

    @Sendable static func text(_ word: Words) -> String { String(localized: String.LocalizationValue(word.rawValue)) }
}
