import AuthenticatorModels
import Foundation
import Testing

/// The app's files that no compiler reads here: they contain what the code relies on.
struct ResourceTests {
    private func plist(_ file: String) throws -> [String: Any] {
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(repository)/ios/\(file)"))
        return try #require(try PropertyListSerialization.propertyList(from: content, format: nil) as? [String: Any])
    }

    private func sources(_ folders: [String]) throws -> String {
        try folders.flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: "\(repository)/ios/\(folder)").filter { $0.hasSuffix(".swift") }
                .map { try String(contentsOfFile: "\(repository)/ios/\(folder)/\($0)", encoding: .utf8) }
        }.joined(separator: "\n")
    }

    @Test func everyWordHasATextAndEveryTextAWord() throws {
        let catalogue = try json(Data(contentsOf: URL(fileURLWithPath: "\(repository)/ios/Shared/Localizable.xcstrings")))
        let strings = try #require(catalogue["strings"] as? [String: [String: Any]])
        #expect(Set(strings.keys) == Set(Words.allCases.map(\.rawValue)))
        for (key, entry) in strings {
            let english = (entry["localizations"] as? [String: [String: [String: String]]])?["en"]?["stringUnit"]?["value"]
            #expect(english?.isEmpty == false, "\(key)")
        }
    }

    @Test func theSystemsQuestionsAreInACatalogueToo() throws {
        let catalogue = try json(Data(contentsOf: URL(fileURLWithPath: "\(repository)/ios/App/InfoPlist.xcstrings")))
        let strings = try #require(catalogue["strings"] as? [String: [String: Any]])
        let usages = try plist("App/Info.plist").filter { $0.key.hasSuffix("UsageDescription") }
        #expect(Set(strings.keys) == Set(usages.keys) && catalogue["sourceLanguage"] as? String == "en")
        for (key, entry) in strings {
            let english = (entry["localizations"] as? [String: [String: [String: String]]])?["en"]?["stringUnit"]?["value"]
            #expect(english == usages[key] as? String, "\(key)")
        }
    }

    /// Returns what the core may name to an app, from its source.
    private func names(_ file: String, _ type: String) throws -> [String] {
        let source = try String(contentsOfFile: "\(repository)/src/phone/\(file)", encoding: .utf8)
        let after = try #require(source.components(separatedBy: "impl \(type) {").dropFirst().first)
        let part = after.components(separatedBy: "\n}\n").first ?? ""
        return part.matches(of: /=> "([a-z-]+)"/).map { String($0.1) }
    }

    @Test func whatTheCoreNamesHasAWord() throws {
        let (events, consequences) = (try names("log.rs", "EventKind"), try names("removal.rs", "Consequence"))
        #expect(events.count >= 15 && consequences.count >= 6)
        for kind in events { #expect(Words(eventOf: kind) != nil, "\(kind)") }
        for code in consequences { #expect(Words(consequence: code) != nil, "\(code)") }
        for policy in ["biometricAvailable", "deviceTampering"] { #expect(Words(policy: policy) != nil) }
        #expect(Words(eventOf: "of another time") == nil && Words(consequence: "") == nil && Words(policy: "") == nil)
    }

    @Test func everyWordIsUsedAndNoTextIsInTheViews() throws {
        let app = try sources(["App", "Shared", "NotificationService", "Sources/AuthenticatorModels", "Sources/AuthenticatorDevice"])
        for word in Words.allCases { #expect(app.contains(".\(word)"), "\(word)") }
        let views = try sources(["App"])
        let literal = /(Text|Button|Label|Toggle|TextField|Picker|navigationTitle|accessibilityLabel|accessibilityHint)\("/
        #expect(views.firstMatch(of: literal) == nil, "a text that is not in the catalogue")
    }

    @Test func nothingLiesAboveTheAppsLock() throws {
        let views = try sources(["App"])
        let covers = views.matches(of: /\.(sheet|fullScreenCover|popover|alert|confirmationDialog|inspector|fileImporter|fileExporter)\(([^)]*)/).map { String($0.2) }
        #expect(covers.sorted() == ["Text(.denyWhy", "Text(.removalTitle", "item: cover"], "what CoverModel does not know is not gated")
        #expect(views.contains("confirmationDialog(Text(.denyWhy), isPresented: isAskedWhy") && views.contains("Binding { covers.isReasonAsked }"))
        #expect(views.contains("alert(Text(.removalTitle), isPresented: isRemoving)") && views.contains("Binding { covers.isRemovalAsked }"))
    }

    @Test func everyFileOfTheAppAndItsExtensionIsCompiledHere() throws {
        func files(_ folder: String) throws -> Set<String> {
            Set(try FileManager.default.contentsOfDirectory(atPath: "\(repository)/ios/\(folder)").filter { $0.hasSuffix(".swift") })
        }
        for target in ["App", "NotificationService"] {
            let (own, shared, linked) = (try files(target), try files("Shared"), try files("OnLinux/\(target)"))
            #expect(!own.isEmpty && linked == own.union(shared).union(["AppleFoundation.swift"]))
            for file in linked {
                let place = own.contains(file) ? target : shared.contains(file) ? "Shared" : "Stubs/Foundation"
                let link = try FileManager.default.destinationOfSymbolicLink(atPath: "\(repository)/ios/OnLinux/\(target)/\(file)")
                #expect(link == "../../\(place)/\(file)")
            }
        }
    }

    @Test func viewsLeaveToTheModelsWhatTheseDecide() throws {
        let views = try sources(["App"])
        for use in [
            // Rounds end with the scene, and a view that appears in the background does not ask the owner.
            ".task(id: isInBackground) { if !isInBackground { await requests.deliver() } }",
            ".task(id: isInBackground) { if !isInBackground { await requests.follow() } }", "delegate.app.enter(AppModel.Phase(phase))",
            ".onChange(of: covers.opening, initial: true) { Task { await covers.takeOpening() } }",
            ".interactiveDismissDisabled(model.state == .answering)", "model.hand(to: read)", "isOn: $model.isSecretShown",
            "AccountProblem(account)", "if alerts.concern(model.accounts) { AlertsOffText() }", "if alerts.areOff { AlertsOffText() }",
            "SystemSettingsLink(address: UIApplication.openSettingsURLString)",
        ] { #expect(views.contains(use), "\(use)") }
        #expect(views.matches(of: /app\.unlock\(\)/).count == 1, "the button's")
    }

    @Test func textsGrowAndColoursFollowTheAppearance() throws {
        let views = try sources(["App"])
        #expect(views.firstMatch(of: /\.font\(\.system\(size/) == nil, "a font that does not grow")
        #expect(views.firstMatch(of: /Color\((red|white|hue)|\.(black|white)\b/) == nil, "a colour of one appearance only")
    }

    @Test func thePropertyListsSayWhatTheCodeCountsOn() throws {
        let app = try plist("App/Info.plist")
        let schemes = (app["CFBundleURLTypes"] as? [[String: Any]])?.flatMap { $0["CFBundleURLSchemes"] as? [String] ?? [] }
        #expect(schemes == EnrolmentModel.schemes)
        let refresh = try sources(["Sources/AuthenticatorDevice"]).firstMatch(of: /identifier = "([^"]+)"/)?.1
        #expect(app["BGTaskSchedulerPermittedIdentifiers"] as? [String] == refresh.map { [String($0)] })
        #expect(app["UIBackgroundModes"] as? [String] == ["fetch"], "what the delegate takes: it has no method for silent pushes")
        for key in ["NSCameraUsageDescription", "NSFaceIDUsageDescription"] { #expect((app[key] as? String)?.isEmpty == false) }
        #expect(app["NSAppTransportSecurity"] == nil, "no exception for servers without TLS")

        let service = try plist("NotificationService/Info.plist")
        let (appRights, serviceRights) = (try plist("App/App.entitlements"), try plist("NotificationService/NotificationService.entitlements"))
        for list in [app, service] {
            for rights in [appRights, serviceRights] {
                #expect(rights["com.apple.security.application-groups"] as? [String] == (list["AppGroup"] as? String).map { [$0] })
                #expect(rights["keychain-access-groups"] as? [String] == (list["KeychainGroup"] as? String).map { [$0] })
            }
        }
        #expect(appRights["aps-environment"] != nil)
        #expect(appRights["com.apple.developer.devicecheck.appattest-environment"] != nil)
        let privacy = try plist("Shared/PrivacyInfo.xcprivacy")
        #expect(privacy["NSPrivacyTracking"] as? Bool == false && (privacy["NSPrivacyCollectedDataTypes"] as? [Any])?.isEmpty == true)
    }
}
