import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ConceptValidationOptions;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.CodeValidationResult;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import ca.uhn.fhir.parser.DataFormatException;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.StreamSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.CodeSystem.CodeSystemContentMode;
import org.hl7.fhir.r4.model.CodeSystem;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.Enumerations.PublicationStatus;
import org.hl7.fhir.r4.model.ValueSet;
import org.hl7.fhir.utilities.npm.NpmPackage;

/**
 * HL7's validator over R4 and the packages (.tgz) and resources (.json) that the arguments name.
 *
 * <p>Reads a line per resource, {@code name TAB resource as JSON}, and answers each with a line of JSON: {@code {"name",
 * "issues": [{"severity", "path", "message"}]}}. What is less than a warning is left out.
 */
public final class Validate {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws IOException {
    FhirContext context = FhirContext.forR4();
    PrePopulatedValidationSupport loaded = new PrePopulatedValidationSupport(context);
    for (String argument : arguments) {
      load(context, loaded, Path.of(argument));
    }
    loaded.addCodeSystem(named("http://loinc.org", loaded));
    ValidationSupportChain chain = chain(context, loaded);
    FhirValidator validator = validator(context, chain);
    System.err.println("ready");
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] given = line.split("\t", 2);
      ArrayNode issues = issues(validator, given[1]);
      addUnknownCodes(context, chain, given[1], issues);
      out.println(JSON.writeValueAsString(JSON.createObjectNode().put("name", given[0]).set("issues", issues)));
    }
  }

  /** A package's definitions, without its examples; or one resource. The last of a canonical URL wins. */
  private static void load(FhirContext context, PrePopulatedValidationSupport loaded, Path file) throws IOException {
    if (!file.toString().endsWith(".tgz")) {
      loaded.addResource(context.newJsonParser().parseResource(Files.readString(file)));
      return;
    }
    try (InputStream stream = Files.newInputStream(file)) {
      NpmPackage npm = NpmPackage.fromPackage(stream);
      for (String name : npm.listResources("StructureDefinition", "ValueSet", "CodeSystem")) {
        try (InputStream resource = npm.load("package", name)) {
          loaded.addResource(context.newJsonParser().parseResource(resource));
        }
      }
    }
  }

  /**
   * The codes of a system that the loaded value sets list, as a fragment of it. Without one, HAPI takes a code that a
   * required value set lists for unknown.
   */
  private static CodeSystem named(String system, PrePopulatedValidationSupport loaded) {
    CodeSystem fragment = new CodeSystem();
    fragment.setUrl(system).setStatus(PublicationStatus.ACTIVE).setContent(CodeSystemContentMode.FRAGMENT);
    loaded.fetchAllConformanceResources().stream()
        .filter(ValueSet.class::isInstance)
        .flatMap(resource -> ((ValueSet) resource).getCompose().getInclude().stream())
        .filter(include -> system.equals(include.getSystem()))
        .flatMap(include -> include.getConcept().stream())
        .map(concept -> concept.getCode())
        .distinct()
        .forEach(code -> fragment.addConcept().setCode(code));
    return fragment;
  }

  private static ValidationSupportChain chain(FhirContext context, PrePopulatedValidationSupport loaded) {
    ValidationSupportChain chain =
        new ValidationSupportChain(
            new Hgvs(context),
            loaded,
            new DefaultProfileValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context),
            new SnapshotGeneratingValidationSupport(context),
            new UnknownCodeSystemWarningValidationSupport(context)); // no licence to ship SNOMED CT or LOINC: warn
    // One coding of the value set is what a binding asks for (R4, terminologies, 4.1.5); others may stand beside it.
    // HAPI then no longer looks at those others: addUnknownCodes does.
    chain.setCodeableConceptValidationSuccessfulIfNotAllCodingsAreValid(true);
    return chain;
  }

  private static FhirValidator validator(FhirContext context, ValidationSupportChain chain) {
    FhirInstanceValidator module = new FhirInstanceValidator(chain);
    module.setErrorForUnknownProfiles(true);
    return context.newValidator().registerValidatorModule(module);
  }

  /** What the validator says of a resource. */
  private static ArrayNode issues(FhirValidator validator, String resource) {
    ArrayNode issues = JSON.createArrayNode();
    for (SingleValidationMessage message : validator.validateWithResult(resource).getMessages()) {
      if (message.getSeverity().compareTo(ResultSeverityEnum.WARNING) >= 0) {
        String severity = message.getSeverity() == ResultSeverityEnum.WARNING ? "warning" : "error";
        add(issues, severity, message.getLocationString(), message.getMessage());
      }
    }
    return issues;
  }

  /** Every code of a code system that is at hand must be one of its codes, whatever stands beside it. */
  private static void addUnknownCodes(
      FhirContext context, ValidationSupportChain chain, String resource, ArrayNode issues) {
    IBaseResource parsed;
    try {
      parsed = context.newJsonParser().parseResource(resource);
    } catch (DataFormatException malformed) {
      add(issues, "error", "", malformed.getMessage());
      return;
    }
    ValidationSupportContext all = new ValidationSupportContext(chain);
    for (Coding coding : context.newTerser().getAllPopulatedChildElementsOfType(parsed, Coding.class)) {
      String named = coding.getSystem() + "#" + coding.getCode();
      boolean isSaid = StreamSupport.stream(issues.spliterator(), false)
          .anyMatch(issue -> issue.get("message").asText().contains(named));
      if (!coding.hasSystem() || !coding.hasCode() || isSaid) {
        continue;
      }
      CodeValidationResult result =
          chain.validateCode(all, new ConceptValidationOptions(), coding.getSystem(), coding.getCode(), null, null);
      if (result != null && !result.isOk() && result.getSeverity() == IssueSeverity.ERROR) {
        add(issues, "error", parsed.fhirType(), "Unknown code '" + named + "'");
      }
    }
  }

  private static void add(ArrayNode issues, String severity, String path, String message) {
    issues.addObject().put("severity", severity).put("path", path).put("message", message);
  }
}
